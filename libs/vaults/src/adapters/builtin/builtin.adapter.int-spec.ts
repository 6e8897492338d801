import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { newId, SecretValue, systemContext, type RequestContext } from '@claviger/kernel';
import type { Keyring } from '@claviger/platform/crypto';
import { createTestDatabase, testKeyring, type TestDatabase } from '@claviger/testing';
import type { AdapterCall, ListPage, VaultAdapter } from '@claviger/vaults/contract';
import { openBuiltinContent } from './builtin-content.js';
import { BuiltinAdapter } from './builtin.adapter.js';
import { BuiltinKind } from './builtin.kind.js';
import { LIST_LEVEL } from './builtin.statements.js';

const CANARY = 'canary-4b1f';
const content = (value: string): SecretValue => new SecretValue(JSON.stringify({ value }));
const call = (extra: Partial<AdapterCall> = {}): AdapterCall => ({
  requestId: newId(),
  signal: new AbortController().signal,
  ...extra,
});

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** What a listing must show, by the definition. */
function namesBelow(names: readonly string[], folder: string, recursive: boolean): string[] {
  const start = folder === '' ? '' : `${folder}/`;
  const below = names.filter((name) => name.startsWith(start)).map((name) => name.slice(start.length));
  return [...new Set(below.map((name) => (recursive ? name : name.replace(/\/.*/s, '/'))))].sort(byBytes);
}

type Plan = {
  readonly 'Node Type': string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly Plan[];
};

function scansOf(plan: Plan): readonly Plan[] {
  return [...(plan['Relation Name'] ? [plan] : []), ...(plan.Plans ?? []).flatMap(scansOf)];
}

describe('the built-in vault', () => {
  let db: TestDatabase;
  let keyring: Keyring;
  let ctx: RequestContext;
  let vault: VaultAdapter;
  let mounts = 0;

  beforeAll(async () => {
    db = await createTestDatabase();
    keyring = await testKeyring(db.database);
    ctx = systemContext({ requestId: newId(), storeId: keyring.rootStoreId, job: 'test' });
    vault = open();
  });
  afterAll(() => db.drop());

  function open(options: { mount?: string; maxVersions?: number; storeId?: string } = {}): BuiltinAdapter {
    return new BuiltinAdapter(db.database, keyring, {
      storeId: keyring.rootStoreId,
      mount: `mount-${++mounts}`,
      maxVersions: 10,
      ...options,
    });
  }
  const valueOf = async (name: string, version?: string): Promise<string> =>
    (JSON.parse((await vault.read(call(), name, version)).content.reveal()) as { value: string }).value;
  const rowsOf = async (name: string): Promise<{ version: number; content_id: string; content: Buffer }[]> => {
    const { rows } = await db.database.pool.query('select * from builtin_version where name = $1 order by version', [
      name,
    ]);
    return rows as never;
  };

  describe('in a transaction of the caller', () => {
    it('writes when it commits', async () => {
      await db.database.transaction(ctx, async (tx) => {
        await vault.create(call({ transaction: tx.transaction! }), 'committed', content('a'));
        await vault.put(call({ transaction: tx.transaction! }), 'committed', content('b'));
        expect(await rowsOf('committed')).toEqual([]);
      });
      expect(await valueOf('committed')).toBe('b');
    });

    it('leaves nothing when it is rolled back', async () => {
      await vault.create(call(), 'kept', content('a'));
      const attempt = db.database.transaction(ctx, async (tx) => {
        const inside = call({ transaction: tx.transaction! });
        await vault.create(inside, 'undone', content('a'));
        await vault.put(inside, 'kept', content('b'));
        await vault.softDelete(inside, 'kept', ['1']);
        await vault.setMetadata(inside, 'kept', { owner: 'x' });
        throw new Error('roll back');
      });
      await expect(attempt).rejects.toThrow('roll back');
      await expect(vault.describe(call(), 'undone')).rejects.toMatchObject({ vaultCode: 'NOT_FOUND' });
      expect(await vault.describe(call(), 'kept')).toMatchObject({ currentVersion: '1', metadata: {} });
      expect(await valueOf('kept')).toBe('a');
    });

    it('can go on after a refusal', async () => {
      await vault.create(call(), 'there', content('a'));
      await db.database.transaction(ctx, async (tx) => {
        const inside = call({ transaction: tx.transaction! });
        const refused = vault.create(inside, 'there', content('b'));
        await expect(refused).rejects.toMatchObject({ vaultCode: 'ALREADY_EXISTS' });
        await vault.put(inside, 'there', content('c'), { expectedVersion: '1' });
      });
      expect(await valueOf('there')).toBe('c');
    });
  });

  describe('at rest', () => {
    it('never holds plaintext', async () => {
      await vault.create(call(), 'sealed', content(CANARY));
      const [row] = await rowsOf('sealed');
      for (const form of [CANARY, Buffer.from(CANARY).toString('base64'), Buffer.from(CANARY).toString('hex')])
        expect(row!.content.toString('latin1')).not.toContain(form);
    });

    it('seals the same content differently each time', async () => {
      await vault.put(call(), 'twice', content('same'));
      await vault.put(call(), 'twice', content('same'));
      const [first, second] = await rowsOf('twice');
      expect(first!.content.equals(second!.content)).toBe(false);
    });

    it('opens with the door for statements of others', async () => {
      await vault.put(call(), 'door', content('x'));
      const [row] = await rowsOf('door');
      const opened = openBuiltinContent(keyring, keyring.rootStoreId, {
        contentId: row!.content_id,
        sealed: row!.content,
      });
      expect(opened.reveal()).toBe('{"value":"x"}');
    });

    it('refuses a ciphertext that was moved from another row, without saying what is in it', async () => {
      await vault.put(call(), 'victim', content('old'));
      await vault.put(call(), 'victim', content(CANARY));
      await db.database.pool.query(
        `update builtin_version v set content = o.content from builtin_version o
         where v.name = 'victim' and o.name = 'victim' and v.version = 2 and o.version = 1`,
      );
      await expect(vault.read(call(), 'victim')).rejects.toMatchObject({ vaultCode: 'INTERNAL' });
      expect(await valueOf('victim', '1')).toBe('old');
    });

    it('erases the content that is destroyed, pruned or purged', async () => {
      const small = open({ maxVersions: 2 });
      for (const value of ['a', 'b', 'c']) await small.put(call(), 'erased', content(value));
      await small.destroy(call(), 'erased', ['2']);
      const rows = await rowsOf('erased');
      expect(rows.map((row) => [row.version, row.content === null])).toEqual([
        [2, true],
        [3, false],
      ]);
      await small.purge(call(), 'erased');
      expect(await rowsOf('erased')).toEqual([]);
    });
  });

  describe('its versions', () => {
    it('are dense and pruned to the maximum, also after many writes at once', async () => {
      const small = open({ maxVersions: 3 });
      const receipts = await Promise.all(
        Array.from({ length: 20 }, (_, i) => small.put(call(), 'busy', content(`${i}`))),
      );
      const numbers = receipts.map((receipt) => Number(receipt.version)).sort((a, b) => a - b);
      expect(numbers).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
      const { versions, currentVersion } = await small.describe(call(), 'busy');
      expect(currentVersion).toBe('20');
      expect(versions.map((one) => one.version)).toEqual(['18', '19', '20']);
      await expect(small.read(call(), 'busy', '17')).rejects.toMatchObject({ vaultCode: 'VERSION_NOT_FOUND' });
      await small.put(call(), 'busy', content('last'));
      expect(await rowsOf('busy')).toHaveLength(3);
    });

    it('are not read beyond the maximum, also where a row was left over', async () => {
      const small = open({ maxVersions: 2 });
      for (const value of ['a', 'b', 'c']) await small.put(call(), 'left-over', content(value));
      await db.database.pool.query(
        `insert into builtin_version (store_id, mount, name, version, content_id, content)
         select store_id, mount, name, 1, content_id, content from builtin_version where name = 'left-over' and version = 2`,
      );
      await expect(small.read(call(), 'left-over', '1')).rejects.toMatchObject({ vaultCode: 'VERSION_NOT_FOUND' });
      expect((await small.describe(call(), 'left-over')).versions).toHaveLength(2);
    });

    it('keep the time at which they were hidden first', async () => {
      await vault.put(call(), 'hidden', content('a'));
      const first = new Date('2020-01-01T00:00:00Z');
      await db.database.pool.query(`update builtin_version set deleted_at = $1 where name = 'hidden'`, [first]);
      await vault.softDelete(call(), 'hidden', ['1']);
      const { rows } = await db.database.pool.query(`select deleted_at from builtin_version where name = 'hidden'`);
      expect(rows).toEqual([{ deleted_at: first }]);
    });

    it('are those of one mount and store', async () => {
      const [one, other] = [open(), open()];
      await one.create(call(), 'same', content('1'));
      await other.create(call(), 'same', content('2'));
      await expect(open().read(call(), 'same')).rejects.toMatchObject({ vaultCode: 'NOT_FOUND' });
      await one.purge(call(), 'same');
      expect((await other.read(call(), 'same')).content.reveal()).toBe('{"value":"2"}');
    });

    it.each(['0', '-1', '01', '1.0', '1e0', ' 1', '', 'latest', '99999999999999999999'])(
      'do not answer to %j',
      async (version) => {
        const name = `odd-${version.length}`;
        await vault.put(call(), name, content('a'));
        await expect(vault.read(call(), name, version)).rejects.toMatchObject({ vaultCode: 'VERSION_NOT_FOUND' });
        const stale = vault.put(call(), name, content('b'), { expectedVersion: version });
        await expect(stale).rejects.toMatchObject({ vaultCode: 'VERSION_CONFLICT' });
        await vault.destroy(call(), name, [version]);
        expect(await valueOf(name)).toBe('a');
      },
    );
  });

  describe('a listing', () => {
    const character = fc.constantFrom('a', 'b', '!', '.', '0', '~', 'é', '\ufffd', '🔑');
    const segment = fc.string({ unit: character, minLength: 1, maxLength: 2 }).filter((text) => !/^\.+$/.test(text));
    const names = fc.uniqueArray(fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')));

    it('shows every name once, in bytewise order, however it is cut into pages', async () => {
      await fc.assert(
        fc.asyncProperty(names, fc.boolean(), fc.integer({ min: 1, max: 4 }), async (all, recursive, limit) => {
          const mount = open();
          for (const name of all) await mount.create(call(), name, content(''));
          for (const folder of ['', 'a', 'b!']) {
            const seen: string[] = [];
            let cursor: string | undefined;
            do {
              const query = { prefix: folder, recursive, limit, ...(cursor === undefined ? {} : { cursor }) };
              const page: ListPage = await mount.list(call(), query);
              expect(page.names.length).toBe(page.cursor === undefined ? page.names.length : limit);
              seen.push(...page.names);
              cursor = page.cursor;
            } while (cursor !== undefined);
            expect(seen).toEqual(namesBelow(all, folder, recursive));
          }
        }),
        { numRuns: 40 },
      );
    });

    it('costs one index look-up a name, however many objects are below it', async () => {
      const big = { storeId: keyring.rootStoreId, mount: 'big' };
      await db.database.pool.query(
        `insert into builtin_object (store_id, mount, name, current_version)
         select $1, $2, 'f' || (i % 5) || '/' || i, 1 from generate_series(1, 5000) i`,
        [big.storeId, big.mount],
      );
      await db.database.pool.query('analyze builtin_object');
      const { rows } = await db.database.pool.query(`explain (analyze, format json) ${LIST_LEVEL}`, [
        big.storeId,
        big.mount,
        '',
        '',
        null,
        3,
      ]);
      const scans = scansOf(rows[0]['QUERY PLAN'][0].Plan);
      expect(scans.map((scan) => scan['Actual Rows'] * scan['Actual Loops'])).toEqual([3]);
    });

    it('refuses a cursor that it did not make', async () => {
      for (const cursor of ['', '%', 'a', 'AA', '////', 'Zg==']) {
        const query = { prefix: '', recursive: false, limit: 3, cursor };
        await expect(vault.list(call(), query)).rejects.toMatchObject({ vaultCode: 'INVALID_NAME' });
      }
    });
  });

  it('gives up as soon as the caller does, and says that the outcome of a write is unknown', async () => {
    await vault.put(call(), 'locked', content('a'));
    const blocker = await db.database.pool.connect();
    try {
      await blocker.query('begin');
      await blocker.query(`select 1 from builtin_object where name = 'locked' for update`);
      const controller = new AbortController();
      const write = vault.put(call({ signal: controller.signal }), 'locked', content('b'));
      controller.abort();
      await expect(write).rejects.toMatchObject({ vaultCode: 'CANCELLED', outcomeUnknown: true });
    } finally {
      await blocker.query('rollback');
      blocker.release();
    }
  });

  it('translates what the database refuses, without its text', async () => {
    const strange = vault.setMetadata(call(), 'any', { [`${CANARY}\0`]: 'x' });
    await expect(strange).rejects.toMatchObject({
      vaultCode: 'INVALID_VALUE',
      message: expect.not.stringContaining(CANARY),
    });
    const unknownStore = open({ storeId: newId() });
    await expect(unknownStore.put(call(), 'x', content('a'))).rejects.toMatchObject({
      vaultCode: 'INTERNAL',
      message: expect.not.stringContaining('STORE_KEY'),
    });
  });

  it('is checked and named by its store', async () => {
    const kind = new BuiltinKind(db.database, keyring);
    const connection = kind.connect({
      storeId: keyring.rootStoreId,
      id: newId(),
      name: 'local',
      config: kind.configSchema.parse({}),
      credentials: new SecretValue({}),
    });
    expect(await connection.check(call(), { mount: 'any', flavour: 'auto' })).toMatchObject({
      status: 'ready',
      serverIdentity: `builtin:${keyring.rootStoreId}`,
      capabilities: { maxVersions: 10 },
    });
    expect(connection.canonicalPlace('a', 'b/c')).not.toBe(connection.canonicalPlace('a/b', 'c'));
  });
});
