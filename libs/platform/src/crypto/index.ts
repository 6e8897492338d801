export { unsealable } from './envelope.js';
export * from './keyring.js';
export { RootKey, sha256Hex } from './root-key.js';
