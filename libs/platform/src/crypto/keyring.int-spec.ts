import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, testKeyring, type TestDatabase } from '@claviger/testing';
import type { Client } from 'pg';
import { sealedKeyId } from './envelope.js';
import { activateStoreKey, addStoreKey, destroyStoreKey, renewKeyEncryptionKey } from './key-rows.js';
import type { KeyPurpose, KeyStorage } from './key-purpose.js';
import { Keyring } from './keyring.js';
import { RootKey } from './root-key.js';
import { RootKeys } from './root-keys.js';

let db: TestDatabase;
let keyring: Keyring;
beforeAll(async () => {
  db = await createTestDatabase();
  keyring = await testKeyring(db.database);
  await keyring.refresh(db.database.pool);
});
afterAll(() => db.drop());

async function inTransaction<T>(work: (tx: KeyStorage) => Promise<T>): Promise<T> {
  const client = (await db.database.pool.connect()) as unknown as Client & { release(): void };
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } finally {
    client.release();
  }
}
const at = (): string => keyring.rootStoreId;
const add = (purpose: KeyPurpose = 'data'): Promise<{ keyId: string; generation: string }> =>
  inTransaction((tx) => addStoreKey(tx, keyring.roots, { storeId: at(), purpose }));
const replace = async (purpose: KeyPurpose = 'data'): Promise<string> => {
  const { keyId } = await add(purpose);
  await inTransaction((tx) => activateStoreKey(tx, keyId));
  return keyId;
};

describe('Keyring', () => {
  it('learns of a key before that is used, and seals with it once it is in force', async () => {
    const [before] = keyring.keyIds(at(), 'data');
    const { keyId, generation } = await add();
    expect(keyring.keyIds(at(), 'data')).toEqual([before]);
    await keyring.refresh(db.database.pool);
    expect(keyring.keyIds(at(), 'data')).toEqual([before, keyId]);
    expect(BigInt(keyring.generation!)).toBeGreaterThanOrEqual(BigInt(generation));
    await inTransaction((tx) => activateStoreKey(tx, keyId));
    expect(sealedKeyId(keyring.seal(at(), 'a/1', 'text'))).toBe(before);
    await keyring.refresh(db.database.pool);
    expect(sealedKeyId(keyring.seal(at(), 'a/1', 'text'))).toBe(keyId);
  });

  it('opens whatever any of its keys sealed, until that key is destroyed', async () => {
    const sealed: Buffer[] = [];
    for (let i = 0; i < 3; i += 1) {
      sealed.push(keyring.seal(at(), 'a/1', `text ${i}`));
      await replace();
      await keyring.refresh(db.database.pool);
    }
    expect(sealed.map((bytes) => keyring.open(at(), 'a/1', bytes).toString())).toEqual(['text 0', 'text 1', 'text 2']);
    await inTransaction((tx) => destroyStoreKey(tx, sealedKeyId(sealed[1]!)));
    await keyring.refresh(db.database.pool);
    expect(() => keyring.open(at(), 'a/1', sealed[1]!)).toThrow(
      expect.objectContaining({ code: 'CIPHERTEXT_INVALID' }),
    );
    expect(keyring.open(at(), 'a/1', sealed[2]!).toString()).toBe('text 2');
  });

  it('never destroys a key that is in force', async () => {
    const [active] = keyring.keyIds(at(), 'data');
    await inTransaction((tx) => destroyStoreKey(tx, active!));
    await keyring.refresh(db.database.pool);
    expect(keyring.keyIds(at(), 'data')).toContain(active);
  });

  it('verifies with an older key by its id', async () => {
    const old = keyring.mac(at(), 'fingerprint');
    const digest = old.hmac('text');
    await replace('fingerprint');
    await keyring.refresh(db.database.pool);
    expect(keyring.mac(at(), 'fingerprint').keyId).not.toBe(old.keyId);
    expect(keyring.mac(at(), 'fingerprint', old.keyId).hmac('text').equals(digest)).toBe(true);
  });

  it('keeps its keys when the key-encryption key is replaced', async () => {
    const before = keyring.keyIds(at(), 'data');
    const sealed = keyring.seal(at(), 'a/1', 'text');
    await inTransaction((tx) => renewKeyEncryptionKey(tx, keyring.roots));
    const again = await testKeyring(db.database);
    expect(again.keyIds(at(), 'data')).toEqual(before);
    expect(again.open(at(), 'a/1', sealed).toString()).toBe('text');
  });

  it('leaves the root key in force when a process that has the next one already replaces the key-encryption key', async () => {
    const next = new RootKeys(RootKey.fromText(RootKey.generateText()), [keyring.roots.current]);
    await inTransaction((tx) => renewKeyEncryptionKey(tx, next));
    expect((await testKeyring(db.database)).keyIds(at(), 'data')).toEqual(keyring.keyIds(at(), 'data'));
  });

  it('asks for the number alone when nothing has changed', async () => {
    await keyring.refresh(db.database.pool);
    const asked: string[] = [];
    const watched: KeyStorage = {
      query: (text, values) => {
        asked.push(text);
        return db.database.pool.query(text, values);
      },
    };
    await keyring.refresh(watched);
    expect(asked).toHaveLength(1);
  });
});
