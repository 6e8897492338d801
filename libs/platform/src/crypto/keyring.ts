import { AppError, newId } from '@claviger/kernel';
import { NamedKey, open, seal, sealedKeyId, unsealable } from './envelope.js';
import { generateKey, type RootKey } from './root-key.js';

/** What a store's keys are for. Each purpose has one active key; older ones stay for what they sealed. */
export const KEY_PURPOSES = [
  /** Seals rows. */
  'data',
  /** Fingerprints content. */
  'fingerprint',
  /** Hashes tokens. */
  'access',
  /** Authenticates audit entries and derives the key that signs seals. */
  'audit',
  /** Marks what Claviger owns in a vault. */
  'ownership',
] as const;
export type KeyPurpose = (typeof KEY_PURPOSES)[number];

/** What the keyring needs from a database connection: pg's pool and client both have it. */
export type KeyStorage = {
  query(text: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
};

/** A keyed hash function with the id of its key. */
export type NamedMac = { readonly keyId: string; hmac(data: Buffer | string): Buffer };

export const ROOT_STORE_NAME = 'root';

type StoreKeys = { readonly active: Map<KeyPurpose, NamedKey>; readonly byId: Map<string, NamedKey> };

/**
 * The opened keys of all stores, in memory. Root key → key-encryption key → one key per store and purpose; all but the
 * root key lie wrapped in the database.
 */
export class Keyring {
  readonly #stores = new Map<string, StoreKeys>();

  private constructor(
    readonly rootStoreId: string,
    private readonly rootKeyId: string,
  ) {}

  /** True when the database holds keys already, so that a root key must be found and not made. */
  static async exists(storage: KeyStorage): Promise<boolean> {
    const { rows } = await storage.query(`select to_regclass('key_encryption_key') is not null as present`);
    if (!rows[0]?.['present']) return false;
    const keys = await storage.query('select 1 from key_encryption_key limit 1');
    return keys.rows.length > 0;
  }

  /** Opens the keys, after making those of the root store in an empty database. @throws AppError `ROOT_KEY_WRONG` */
  static async open(storage: KeyStorage, rootKey: RootKey): Promise<Keyring> {
    if (!(await Keyring.exists(storage))) await createKeys(storage, rootKey);
    const keks = await openKeyEncryptionKeys(storage, rootKey);
    const root = await storage.query('select id from store where name = $1', [ROOT_STORE_NAME]);
    const keyring = new Keyring(root.rows[0]!['id'] as string, rootKey.id);
    const { rows } = await storage.query('select id, store_id, purpose, kek_id, wrapped, is_active from store_key');
    for (const row of rows) keyring.#add(row as StoreKeyRow, keks);
    return keyring;
  }

  #add(row: StoreKeyRow, keks: ReadonlyMap<string, NamedKey>): void {
    const kek = keks.get(row.kek_id);
    if (!kek) throw unsealable();
    const key = new NamedKey(row.id, open(kek, storeKeyRow(row.id), row.wrapped));
    const keys = this.#stores.get(row.store_id) ?? { active: new Map(), byId: new Map() };
    keys.byId.set(key.id, key);
    if (row.is_active) keys.active.set(row.purpose, key);
    this.#stores.set(row.store_id, keys);
  }

  /** Seals bytes for one row of a store under its active data key. `row` names the place: `<table>/<id>/<column>`. */
  seal(storeId: string, row: string, plaintext: Buffer | string): Buffer {
    return seal(this.#active(storeId, 'data'), row, plaintext);
  }

  /** Opens a row's ciphertext, whichever of the store's data keys sealed it. @throws AppError `CIPHERTEXT_INVALID` */
  open(storeId: string, row: string, sealed: Buffer): Buffer {
    return open(this.#byId(storeId, sealedKeyId(sealed)), row, sealed);
  }

  /** The store's active keyed hash for a purpose, or that of an older key by its id. */
  mac(storeId: string, purpose: Exclude<KeyPurpose, 'data'>, keyId?: string): NamedMac {
    const key = keyId === undefined ? this.#active(storeId, purpose) : this.#byId(storeId, keyId);
    return { keyId: key.id, hmac: (data) => key.hmac.digest(data) };
  }

  /** For support: which root key opened this keyring. */
  get openedBy(): string {
    return this.rootKeyId;
  }

  #active(storeId: string, purpose: KeyPurpose): NamedKey {
    const key = this.#stores.get(storeId)?.active.get(purpose);
    if (!key)
      throw new AppError({
        code: 'STORE_KEY_MISSING',
        kind: 'internal',
        message: `The store has no active ${purpose} key.`,
      });
    return key;
  }

  #byId(storeId: string, keyId: string): NamedKey {
    const key = this.#stores.get(storeId)?.byId.get(keyId);
    if (!key) throw unsealable();
    return key;
  }
}

type StoreKeyRow = {
  id: string;
  store_id: string;
  purpose: KeyPurpose;
  kek_id: string;
  wrapped: Buffer;
  is_active: boolean;
};

const storeKeyRow = (id: string): string => `store_key/${id}/wrapped`;

async function openKeyEncryptionKeys(storage: KeyStorage, rootKey: RootKey): Promise<Map<string, NamedKey>> {
  const { rows } = await storage.query('select id, root_key_id, wrapped from key_encryption_key');
  const keks = new Map<string, NamedKey>();
  for (const row of rows) {
    if (row['root_key_id'] !== rootKey.id)
      throw new AppError({
        code: 'ROOT_KEY_WRONG',
        kind: 'invalid',
        message: `The root key is not the one that this data was sealed under (given ${rootKey.id}, needed ${String(row['root_key_id'])}). Restore the right root key; nothing was changed.`,
      });
    const id = row['id'] as string;
    keks.set(id, new NamedKey(id, rootKey.unwrap(id, row['wrapped'] as Buffer)));
  }
  return keks;
}

/** One statement, so that of two processes which start at once on an empty database exactly one makes the keys. */
async function createKeys(storage: KeyStorage, rootKey: RootKey): Promise<void> {
  const kek = generateKey();
  const keys = KEY_PURPOSES.map((purpose) => ({ purpose, key: generateKey() }));
  await storage.query(
    `with new_store as (
       insert into store (id, name) values ($1, $2) on conflict on constraint uq_store_name do nothing returning id
     ), new_kek as (
       insert into key_encryption_key (id, root_key_id, wrapped) select $3, $4, $5 from new_store returning id
     )
     insert into store_key (id, store_id, purpose, kek_id, wrapped, is_active)
     select k.id, new_store.id, k.purpose, new_kek.id, k.wrapped, true
     from new_store, new_kek, unnest($6::text[], $7::text[], $8::bytea[]) as k (id, purpose, wrapped)`,
    [
      newId(),
      ROOT_STORE_NAME,
      kek.id,
      rootKey.id,
      rootKey.wrap(kek.id, kek.bytes),
      keys.map(({ key }) => key.id),
      keys.map(({ purpose }) => purpose),
      keys.map(({ key }) => seal(kek, storeKeyRow(key.id), key.bytes)),
    ],
  );
}
