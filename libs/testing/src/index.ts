export * from './context.js';
export * from './database.js';
export * from './fake-clock.js';
export * from './fault-injecting-adapter.js';
export * from './log-capture.js';
export * from './pending-schema-changes.js';
export * from './peers/open-bao.js';
export * from './peers/redis.js';
