import { NamedKey, open, seal } from './envelope.js';
import type { KeyPurpose, KeyStorage } from './key-purpose.js';
import { generateKey } from './root-key.js';
import type { RootKeys } from './root-keys.js';

/** A store's key as it was opened. */
export type OpenedStoreKey = {
  readonly storeId: string;
  readonly purpose: KeyPurpose;
  readonly key: NamedKey;
  readonly isActive: boolean;
};

type StoreKeyRow = {
  id: string;
  store_id: string;
  purpose: KeyPurpose;
  wrapped: Buffer;
  is_active: boolean;
  kek_id: string;
  root_key_id: string;
  kek_wrapped: Buffer;
};

const place = (id: string): string => `store_key/${id}/wrapped`;

/** What wraps a new store key under a key-encryption key. */
export const wrapStoreKey = (kek: NamedKey, key: NamedKey): Buffer => seal(kek, place(key.id), key.bytes);

/**
 * Opens the keys of all stores, as one statement saw them: whatever is renewed meanwhile, no key lacks what it is
 * wrapped under. @throws AppError ROOT_KEY_WRONG, CIPHERTEXT_INVALID
 */
export async function openStoreKeys(storage: KeyStorage, roots: RootKeys): Promise<OpenedStoreKey[]> {
  const { rows } = await storage.query(
    `select k.id, k.store_id, k.purpose, k.wrapped, k.is_active, e.id as kek_id, e.root_key_id, e.wrapped as kek_wrapped
     from store_key k join key_encryption_key e on e.id = k.kek_id`,
  );
  const keks = new Map<string, NamedKey>();
  return (rows as StoreKeyRow[]).map((row) => {
    let kek = keks.get(row.kek_id);
    if (!kek) {
      kek = new NamedKey(row.kek_id, roots.unwrap(row.root_key_id, row.kek_id, row.kek_wrapped));
      keks.set(kek.id, kek);
    }
    const key = new NamedKey(row.id, open(kek, place(row.id), row.wrapped));
    return { storeId: row.store_id, purpose: row.purpose, key, isActive: row.is_active };
  });
}

/** The number that rises with every change of the keys. */
export async function readGeneration(storage: KeyStorage): Promise<string> {
  const { rows } = await storage.query('select generation::text as generation from key_generation');
  return rows[0]!['generation'] as string;
}

/** Says that the keys have changed; the number that stands for them as they are then. In a transaction. */
async function raiseGeneration(tx: KeyStorage): Promise<string> {
  await tx.query('update key_generation set generation = generation + 1');
  return readGeneration(tx);
}

/** Makes a key for a store that nothing is sealed with yet. In a transaction. */
export async function addStoreKey(
  tx: KeyStorage,
  roots: RootKeys,
  { storeId, purpose }: { readonly storeId: string; readonly purpose: KeyPurpose },
): Promise<{ readonly keyId: string; readonly generation: string }> {
  const generation = await raiseGeneration(tx);
  const { rows } = await tx.query(
    'select id, root_key_id, wrapped from key_encryption_key order by created_at desc limit 1',
  );
  const { id, root_key_id: rootKeyId, wrapped } = rows[0] as { id: string; root_key_id: string; wrapped: Buffer };
  const kek = new NamedKey(id, roots.unwrap(rootKeyId, id, wrapped));
  const key = generateKey();
  await tx.query(
    'insert into store_key (id, store_id, purpose, kek_id, wrapped, is_active) values ($1, $2, $3, $4, $5, false)',
    [key.id, storeId, purpose, kek.id, wrapStoreKey(kek, key)],
  );
  return { keyId: key.id, generation };
}

/** Makes a store's key the one that its purpose is served with from now on. In a transaction. Returns the generation. */
export async function activateStoreKey(tx: KeyStorage, keyId: string): Promise<string> {
  const generation = await raiseGeneration(tx);
  // Two statements: the unique index over active keys is checked for each row.
  await tx.query(
    `update store_key o set is_active = false from store_key n
     where n.id = $1 and o.store_id = n.store_id and o.purpose = n.purpose and o.is_active and o.id <> n.id`,
    [keyId],
  );
  await tx.query('update store_key set is_active = true where id = $1', [keyId]);
  return generation;
}

/** Destroys a key that is not active: what is still sealed under it never opens again. In a transaction. */
export async function destroyStoreKey(tx: KeyStorage, keyId: string): Promise<void> {
  await raiseGeneration(tx);
  await tx.query('delete from store_key where id = $1 and not is_active', [keyId]);
}

/**
 * Puts a new key-encryption key in the place of those that there are: every store key is wrapped again, all or none. The
 * store keys stay as they are, and so does the root key in force: others may have been given none but that. In a
 * transaction. Returns ids and how many store keys there were.
 */
export async function renewKeyEncryptionKey(
  tx: KeyStorage,
  roots: RootKeys,
): Promise<{ readonly from: string; readonly to: string; readonly count: number }> {
  await raiseGeneration(tx);
  // Whoever adds a store key meanwhile waits for these locks (its foreign key does), and then finds its key gone.
  const { rows } = await tx.query('select id, root_key_id from key_encryption_key order by created_at for update');
  const old = rows.at(-1) as { id: string; root_key_id: string };
  const kek = generateKey();
  await tx.query(
    'insert into key_encryption_key (id, root_key_id, wrapped, created_at) values ($1, $2, $3, clock_timestamp())',
    [kek.id, old.root_key_id, roots.wrap(old.root_key_id, kek.id, kek.bytes)],
  );
  const keys = await openStoreKeys(tx, roots);
  await tx.query(
    `update store_key k set kek_id = $1, wrapped = n.wrapped from unnest($2::text[], $3::bytea[]) as n (id, wrapped)
     where k.id = n.id`,
    [kek.id, keys.map(({ key }) => key.id), keys.map(({ key }) => wrapStoreKey(kek, key))],
  );
  await tx.query('delete from key_encryption_key where id <> $1', [kek.id]);
  return { from: old.id, to: kek.id, count: keys.length };
}

/**
 * Wraps every key-encryption key under the current root key, all or none. In a transaction. Returns the ids of the root
 * keys that they were wrapped under, without the current one.
 */
export async function rewrapUnderRoot(tx: KeyStorage, roots: RootKeys): Promise<readonly string[]> {
  await raiseGeneration(tx);
  const { rows } = await tx.query('select id, root_key_id, wrapped from key_encryption_key for update');
  const old = new Set<string>();
  for (const row of rows as { id: string; root_key_id: string; wrapped: Buffer }[]) {
    if (row.root_key_id === roots.current.id) continue;
    const bytes = roots.unwrap(row.root_key_id, row.id, row.wrapped);
    await tx.query('update key_encryption_key set root_key_id = $2, wrapped = $3 where id = $1', [
      row.id,
      roots.current.id,
      roots.current.wrap(row.id, bytes),
    ]);
    old.add(row.root_key_id);
  }
  return [...old];
}
