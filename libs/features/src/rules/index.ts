export * from './compiled-condition.js';
export * from './condition.js';
