export * from './capability-card.js';
export * from './conformance-case.js';
export * from './conformance-cases.js';
export * from './conformance-run.js';
export * from './describe-vault-adapter.js';
export * from './reference-adapter.js';
export * from './reference-capabilities.js';
export type * from './vault-harness.js';
