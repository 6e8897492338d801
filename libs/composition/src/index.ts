export * from './entities.js';
export * from './foundation-options.js';
export * from './foundation.module.js';
export * from './migrate-all.js';
export * from './product-version.js';
export * from './root-key-file.js';
export { rootKeyMissing } from './root-key.errors.js';
export * from './root-token-file.js';
