import { AppError, newId } from '@claviger/kernel';
import { NamedKey, open, seal, sealedKeyId, unsealable } from './envelope.js';
import { KEY_PURPOSES, type KeyPurpose, type KeyStorage } from './key-purpose.js';
import { openStoreKeys, readGeneration, wrapStoreKey, type OpenedStoreKey } from './key-rows.js';
import { generateKey, RootKey } from './root-key.js';
import { RootKeys } from './root-keys.js';

/** A keyed hash function with the id of its key. */
export type NamedMac = { readonly keyId: string; hmac(data: Buffer | string): Buffer };

export const ROOT_STORE_NAME = 'root';

type StoreKeys = {
  readonly active: Map<KeyPurpose, NamedKey>;
  readonly byId: Map<string, NamedKey>;
  readonly purposes: Map<string, KeyPurpose>;
};

/**
 * The opened keys of all stores, in memory. Root key → key-encryption key → one key per store and purpose; all but the
 * root key lie wrapped in the database. A key that another process adds is learnt by {@link refresh}.
 */
export class Keyring {
  #stores: ReadonlyMap<string, StoreKeys>;
  #generation: string | undefined;

  private constructor(
    readonly rootStoreId: string,
    /** What the process was given. */
    readonly roots: RootKeys,
    keys: readonly OpenedStoreKey[],
  ) {
    this.#stores = byStore(keys);
  }

  /** True when the database holds keys already, so that a root key must be found and not made. */
  static async exists(storage: KeyStorage): Promise<boolean> {
    const { rows } = await storage.query(`select to_regclass('key_encryption_key') is not null as present`);
    if (!rows[0]?.['present']) return false;
    const keys = await storage.query('select 1 from key_encryption_key limit 1');
    return keys.rows.length > 0;
  }

  /**
   * Opens the keys, after making those of the root store in an empty database. Also in a database that an older Claviger
   * has left. @throws AppError `ROOT_KEY_WRONG`
   */
  static async open(storage: KeyStorage, given: RootKeys | RootKey): Promise<Keyring> {
    const roots = given instanceof RootKey ? new RootKeys(given) : given;
    if (!(await Keyring.exists(storage))) await createKeys(storage, roots.current);
    const root = await storage.query('select id from store where name = $1', [ROOT_STORE_NAME]);
    return new Keyring(root.rows[0]!['id'] as string, roots, await openStoreKeys(storage, roots));
  }

  /** Learns of keys that were added, made active or destroyed since. Costs one small query when none were. */
  async refresh(storage: KeyStorage): Promise<void> {
    // The number first: keys that come after it are learnt twice rather than never.
    const generation = await readGeneration(storage);
    if (generation === this.#generation) return;
    this.#stores = byStore(await openStoreKeys(storage, this.roots));
    this.#generation = generation;
  }

  /** The number of the last change of the keys that this process knows of; undefined before the first refresh. */
  get generation(): string | undefined {
    return this.#generation;
  }

  /** The ids of a store's keys for a purpose, the active one first. */
  keyIds(storeId: string, purpose: KeyPurpose): readonly string[] {
    const keys = this.#stores.get(storeId);
    if (!keys) return [];
    const active = this.#active(storeId, purpose).id;
    const older = [...keys.purposes].filter(([id, of]) => of === purpose && id !== active);
    return [active, ...older.map(([id]) => id)];
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

function byStore(keys: readonly OpenedStoreKey[]): ReadonlyMap<string, StoreKeys> {
  const stores = new Map<string, StoreKeys>();
  for (const { storeId, purpose, key, isActive } of keys) {
    const of = stores.get(storeId) ?? { active: new Map(), byId: new Map(), purposes: new Map() };
    of.byId.set(key.id, key);
    of.purposes.set(key.id, purpose);
    if (isActive) of.active.set(purpose, key);
    stores.set(storeId, of);
  }
  return stores;
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
      keys.map(({ key }) => wrapStoreKey(kek, key)),
    ],
  );
}
