export * from './compiled-condition.js';
export * from './condition.js';
export * from './shown-keys.js';
