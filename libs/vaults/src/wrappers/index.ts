export * from './intercept.js';
