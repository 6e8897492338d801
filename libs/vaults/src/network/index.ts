export * from './hop.js';
export * from './network-policy.js';
export * from './pinned-dispatcher.js';
export * from './retry-after.js';
export * from './wire-failure.js';
