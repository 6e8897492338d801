/**
 * The door of the built-in vault. Besides the kind it gives the secrets room what a statement needs that writes or
 * reads a secret and its content at once (the hot path); its tables, for that statement, are these:
 *
 * - `builtin_object` (store_id, mount, name | current_version, metadata): one row per object. A write inserts it with
 *   `current_version` 1, or raises `current_version` by one; the row's lock orders writers, and a compare-and-set is
 *   `and current_version = <expected>` in that update.
 * - `builtin_version` (store_id, mount, name, version | content_id, content, created_at, deleted_at, destroyed_at): one
 *   row per version, `content_id` and `content` as {@link sealBuiltinContent} gives them. Readable while `deleted_at`
 *   and `destroyed_at` are null. The same statement that writes version n deletes versions up to n - maxVersions (the
 *   instance's configuration, `capabilities.maxVersions`); a reader that is not given a version from the ledger asks for
 *   `version > current_version - maxVersions` as well.
 * - `backend_place` holds {@link builtinServerIdentity} and {@link builtinPlace} for each object.
 */
export * from './builtin-content.js';
export { builtinCapabilities, BUILTIN_MAX_CONTENT_BYTES } from './builtin.capabilities.js';
export { BUILTIN_KIND } from './builtin.errors.js';
export * from './builtin.kind.js';
