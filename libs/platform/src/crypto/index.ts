export { sealedKeyId, unsealable } from './envelope.js';
export * from './key-purpose.js';
export {
  activateStoreKey,
  addStoreKey,
  destroyStoreKey,
  readGeneration,
  renewKeyEncryptionKey,
  rewrapUnderRoot,
} from './key-rows.js';
export * from './keyring.js';
export { RootKey, sha256Hex } from './root-key.js';
export { RootKeys } from './root-keys.js';
