import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { Keyring, rewrapUnderRoot, RootKey, RootKeys } from '@claviger/platform/crypto';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import {
  findRootKey,
  makeNextRootKey,
  nextRootKeyPath,
  promoteNextRootKey,
  rootKeyPath,
  writeRootKey,
} from './root-key-file.js';
import { findStoredRootKey } from './stored-root-key.js';

let db: TestDatabase;
let dataDir: string;
let old: SecretValue;

beforeEach(async () => {
  db = await createTestDatabase();
  dataDir = await mkdtemp(join(tmpdir(), 'claviger-root-key-'));
  old = RootKey.generateText();
  writeRootKey(dataDir, old);
  await Keyring.open(db.database.pool, RootKey.fromText(old));
});
afterEach(async () => {
  await db.drop();
  await rm(dataDir, { recursive: true });
});

const find = (given?: SecretValue, givenPrevious?: SecretValue): ReturnType<typeof findStoredRootKey> =>
  findStoredRootKey({
    databaseUrl: db.url,
    dataDir,
    given: given?.reveal(),
    ...(givenPrevious && { givenPrevious: givenPrevious.reveal() }),
  });
const found = async (): Promise<string | undefined> => (await find())?.rootKey.reveal();
const rewrap = (next: SecretValue): Promise<unknown> =>
  rewrapUnderRoot(db.database.pool, new RootKeys(RootKey.fromText(next), [RootKey.fromText(old)]));

describe('the root key of a data directory, wherever its rotation was killed', () => {
  it('is the file while the new key is not on disk, or only half', async () => {
    expect(await found()).toBe(old.reveal());
    await writeFile(nextRootKeyPath(dataDir), 'AAAA', { mode: 0o600 });
    expect(await found()).toBe(old.reveal());
    expect(makeNextRootKey(dataDir).reveal()).toHaveLength(old.reveal().length);
  });

  it('is the file while nothing is sealed under the new key, which the next attempt uses', async () => {
    const next = makeNextRootKey(dataDir);
    expect(await found()).toBe(old.reveal());
    expect(makeNextRootKey(dataDir).reveal()).toBe(next.reveal());
  });

  it('is the new key once the data is sealed under it, and then that is the file', async () => {
    const next = makeNextRootKey(dataDir);
    await rewrap(next);
    expect(await found()).toBe(next.reveal());
    expect(findRootKey(dataDir)!.reveal()).toBe(next.reveal());
    expect((await stat(rootKeyPath(dataDir))).mode & 0o777).toBe(0o600);
    expect(await found()).toBe(next.reveal());
  });

  it('keeps the replaced key beside it, also when it was killed before that was finished', async () => {
    const next = makeNextRootKey(dataDir);
    await rewrap(next);
    promoteNextRootKey(dataDir);
    const kept = `root-key.${RootKey.fromText(old).id}`;
    expect((await readdir(dataDir)).sort()).toEqual(['root-key', kept]);
    expect((await readFile(join(dataDir, kept), 'utf8')).trim()).toBe(old.reveal());
  });
});

describe('root keys from the environment', () => {
  it('open data that is still sealed under the previous one, which has to be given', async () => {
    const next = RootKey.generateText();
    await expect(find(next)).rejects.toMatchObject({
      code: 'ROOT_KEY_WRONG',
      message: expect.stringContaining('CLAVIGER_ROOT_KEY_PREVIOUS'),
    });
    expect((await find(next, old))?.rootKeyPrevious?.reveal()).toBe(old.reveal());
    await rewrap(next);
    expect((await find(next))?.rootKey.reveal()).toBe(next.reveal());
    await expect(find(old)).rejects.toMatchObject({ code: 'ROOT_KEY_WRONG' });
  });

  it('are not looked for where there are no keys yet', async () => {
    await db.database.pool.query('delete from store_key');
    await db.database.pool.query('delete from key_encryption_key');
    expect(await find(RootKey.generateText())).toBeUndefined();
  });
});
