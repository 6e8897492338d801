export * from './config.js';
export type { ConfigVariable, Environment } from './config-variable.js';
