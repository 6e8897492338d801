export { KV1_CAPABILITIES, KV2_CAPABILITIES } from './kv.capabilities.js';
export { createKvKind, type KvKindOptions } from './kv.kind.js';
export type { KvConfig, KvCredentials } from './kv.settings.js';
