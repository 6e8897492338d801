export * from './capabilities.js';
export * from './content.js';
export * from './local-vault.js';
export * from './physical-name.js';
export * from './read-objects.js';
export * from './vault-adapter.js';
export * from './vault-error.js';
export * from './vault-kind.js';
