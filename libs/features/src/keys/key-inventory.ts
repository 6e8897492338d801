/**
 * Where everything lies that was made with a key, and what a rotation of that key makes of it. A spec holds it against the
 * schema, so that no new column is forgotten. ADR 37 explains it.
 */

/** A column that holds ciphertexts of a store's data key. */
export type SealedColumn = {
  readonly table: string;
  readonly column: string;
  /** The primary key without the store: names and types, in the order of its index. */
  readonly key: readonly (readonly [name: string, type: string])[];
  /** SQL of the identity that the ciphertext is bound to: the `row` that it was sealed for. */
  readonly row: string;
};

/** In the order in which a rotation passes them. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  {
    table: 'builtin_version',
    column: 'content',
    key: [
      ['mount', 'text'],
      ['name', 'text'],
      ['version', 'integer'],
    ],
    row: `'builtin_version/' || content_id || '/content'`,
  },
  {
    table: 'vault_instance',
    column: 'credentials',
    key: [['id', 'uuid']],
    row: `'vault_instance/' || id || '/credentials'`,
  },
  { table: 'change', column: 'payload', key: [['id', 'uuid']], row: `'change/' || id || '/payload'` },
  {
    table: 'notification_subscription',
    column: 'secret',
    key: [['id', 'uuid']],
    row: `'notification_subscription/' || id || '/secret'`,
  },
  {
    table: 'notification_subscription',
    column: 'previous_secret',
    key: [['id', 'uuid']],
    row: `'notification_subscription/' || id || '/previous_secret'`,
  },
  {
    table: 'idempotency_record',
    column: 'answer',
    key: [['key_hash', 'bytea']],
    row: `'idempotency_record/' || id || '/answer'`,
  },
  {
    table: 'plan_item',
    column: 'payload',
    key: [
      ['plan_id', 'uuid'],
      ['number', 'integer'],
    ],
    row: `'plan_item/' || id || '/payload'`,
  },
];

/** Every other column that a key made, or that names one, as `table.column`. */
export const KEYED_COLUMNS: Readonly<Record<string, string>> = {
  'key_encryption_key.root_key_id': 'root: says which root key wraps it; renewed with the root key',
  'key_encryption_key.wrapped': 'root: wrapped again when the root key is rotated',
  'store_key.kek_id': 'kek: renewed with the key-encryption key',
  'store_key.wrapped': 'kek: wrapped again when the key-encryption key is rotated',
  'secret.current_fingerprint': 'fingerprint: renewed',
  'secret_version.fingerprint': 'fingerprint: renewed for the current version; history keeps its key id',
  'sync_target.desired_fingerprint': 'fingerprint: renewed together with the current version',
  'sync_target.observed_fingerprint': 'fingerprint: renewed where it is that of the current version',
  'token.hash': 'access: not rotated; ends with the token',
  'token.hash_key_id': 'access: not rotated',
  'client_credential.hash': 'access: not rotated; ends with the credential',
  'client_credential.hash_key_id': 'access: not rotated',
  'idempotency_record.key_hash': 'access: not rotated; ends after a day',
  'idempotency_record.request_hash': 'access: not rotated; ends after a day',
  'change.digest': 'audit: not rotated; names its key',
  'audit_batch.digest': 'no key: a hash of the entries',
  'audit_batch.mac': 'audit: not rotated; what was written stays as it is',
  'audit_batch.mac_key_id': 'audit: not rotated',
  'audit_seal.key_id': 'audit: not rotated; names the key that signed',
  'audit_seal.merkle_root': 'no key: a hash of the batches',
  'audit_seal.previous_hash': 'no key: a hash of the seal before',
  'audit_seal.signature': 'audit: not rotated; what was signed stays as it is',
  'audit_export.last_seal_hash': 'no key: a hash of a seal',
  'audit_export.sha256': 'no key: a hash of the file',
  'audit_export.kept_root': 'no key: a hash of the batches',
  'audit_export.key_id': 'audit: not rotated; names the key that signed',
  'audit_export.signature': 'audit: not rotated; what was signed stays as it is',
  'report_document.audit_key_id': 'audit: not rotated; names the key that signed',
  'report_chunk.bytes': 'no key: holds no values',
  'compliance_state.fingerprint': 'fingerprint: taken over from the secret at its next evaluation',
  'vault_import_item.fingerprint': 'fingerprint: not renewed; an import that is older than a rotation is made anew',
};
