export * from './app-error.js';
export * from './bounded-cache.js';
export * from './clock.js';
export * from './fault-point.js';
export * from './ids.js';
export * from './request-context.js';
export * from './secret-value.js';
export * from './trace-parent.js';
