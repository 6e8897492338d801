export * from './hop.js';
export * from './network-policy.js';
export * from './pinned-dispatcher.js';
