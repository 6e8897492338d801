import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { isAppError, type RequestContext } from '@claviger/kernel';
import { ENTITIES } from '@claviger/composition';
import { AuditService } from '@claviger/features/audit';
import { Database } from '@claviger/platform/database';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { LOCAL_VAULT, type LocalVault } from '@claviger/vaults/contract';
import fc from 'fast-check';
import { createSecretRoom, json, versionOf, type SecretRoom } from '../../../testing/src/secret-room.js';
import { someoneWaitsForALock } from '../../../testing/src/vault-room.js';
import { LocalContent } from './local-content.js';

type Row = Record<string, unknown>;

let db: TestDatabase;
let room: SecretRoom;
/** The same without the short way. */
let longRoom: SecretRoom;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await createSecretRoom(db);
  longRoom = await createSecretRoom(db);
  const local = longRoom.get(LocalContent);
  const find = local.find.bind(local);
  jest.spyOn(local, 'known').mockReturnValue(undefined);
  jest.spyOn(local, 'find').mockImplementation(async (ctx, id) => {
    const row = await find(ctx, id);
    return row && { ...row, is_plain: false };
  });
  await room.builtin('prod');
  await room.outside('kv');
});
afterAll(() => db.drop());

const value = (n: number): { value: string } => ({ value: `v${n}` });
const codeOf = (error: unknown): string => {
  if (isAppError(error)) return error.code;
  throw error;
};

describe('the short and the long way of writing', () => {
  type Step =
    | {
        readonly do: 'put';
        readonly value: number;
        readonly base: 'none' | 'current' | 'stale';
        readonly reads: boolean;
      }
    | { readonly do: 'hide' | 'show' | 'disable' | 'enable' | 'read' };

  const put = fc.record({
    do: fc.constant('put' as const),
    value: fc.nat({ max: 2 }),
    base: fc.constantFrom('none' as const, 'none' as const, 'current' as const, 'stale' as const),
    reads: fc.boolean(),
  });
  const other = fc.record({ do: fc.constantFrom('hide', 'show', 'disable', 'enable', 'read', 'read') });
  const act = fc.oneof({ weight: 4, arbitrary: put }, { weight: 2, arbitrary: other });
  /** What another process does, this one does not know of. */
  const steps = fc.array(fc.tuple(act, fc.constantFrom('here', 'here', 'elsewhere')), { maxLength: 14 });

  const writerOnly = { 'prod/data/*': ['update'], 'claviger/secrets/prod/*': ['read'] };

  async function take(on: SecretRoom, id: string, step: Step, writer: RequestContext): Promise<unknown> {
    const { secret } = await on.secrets.find(on.ctx, id);
    switch (step.do) {
      case 'put': {
        const base = { none: {}, current: { baseVersion: secret.currentVersion }, stale: { baseVersion: 99 } }[
          step.base
        ];
        const caller = step.reads ? on.ctx : writer;
        const done = await on.content.write(caller, id, { content: json(value(step.value)), reason: 'why', ...base });
        return 'change' in done ? { ...done.change, ...ANY_CHANGE, parameters: {} } : done;
      }
      case 'hide':
      case 'show': {
        const act = step.do === 'hide' ? 'softDelete' : 'undelete';
        return versionOf(await on.content.changeVersion(on.ctx, id, secret.currentVersion, act, {}));
      }
      case 'disable':
      case 'enable':
        return (await on.secrets.setDisabled(on.ctx, id, step.do === 'disable')).state;
      case 'read': {
        const { content, number } = await on.content.read(on.ctx, id);
        return { content: content.reveal(), number };
      }
    }
  }
  /** What tells two runs of one change apart. */
  const ANY_CHANGE = {
    id: '',
    secretId: '',
    createdAt: 0,
    updatedAt: 0,
    endedAt: 0,
    result: {},
    requestedBy: {},
    payload: null,
  };

  it('answer alike and leave the same rows, whoever writes what in whatever order', async () => {
    const writer = room.caller(writerOnly);
    const longWriter = longRoom.caller(writerOnly);
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        runs += 1;
        const more = { rotationIntervalSeconds: 86_400, content: value(0) };
        const short = await room.secret(`short-${runs}`, more);
        const long = await longRoom.secret(`long-${runs}`, more);
        for (const [step, where] of sequence) {
          const [on, by] = where === 'here' ? [room, writer] : [longRoom, longWriter];
          const answers = [
            await take(on, short, step as Step, by).catch(codeOf),
            await take(longRoom, long, step as Step, longWriter).catch(codeOf),
          ];
          expect(answers[0]).toEqual(answers[1]);
        }
        expect(await traces(short)).toEqual(await traces(long));
      }),
      { numRuns: 40 },
    );
  });

  it('differ, so that the property has something to compare', async () => {
    const write = jest.spyOn(room.get(LocalContent), 'write');
    const longWrite = jest.spyOn(longRoom.get(LocalContent), 'write');
    await room.content.write(room.ctx, await room.secret('short'), { content: json(value(1)) });
    await longRoom.content.write(longRoom.ctx, await longRoom.secret('long'), { content: json(value(1)) });
    expect([write.mock.calls.length, longWrite.mock.calls.length]).toEqual([1, 0]);
    write.mockRestore();
    longWrite.mockRestore();
  });

  it('read a secret that is known in one round trip with its audit entry', async () => {
    const id = await room.secret('read-twice');
    await room.content.read(room.ctx, id);
    const execute = jest.spyOn(room.get(Database), 'execute');
    const executeEarly = jest.spyOn(room.get(Database), 'executeEarly');
    expect((await room.content.read(room.ctx, id)).number).toBe(1);
    expect(executeEarly.mock.calls.map(([{ name }]) => name)).toEqual(['secret_read_contents']);
    expect(execute).not.toHaveBeenCalled();
    executeEarly.mockRestore();
    execute.mockRestore();
    const entries = `select 1 from audit_entry where resource_id = $1::text and action = 'secret.content.read'`;
    expect(await room.rows(entries, [id])).toHaveLength(2);
  });

  it.each([
    ['disabled', (id: string) => longRoom.secrets.setDisabled(longRoom.ctx, id, true), 'SECRET_DISABLED'],
    [
      'hidden',
      (id: string) => longRoom.content.changeVersion(longRoom.ctx, id, 1, 'softDelete', {}),
      'VERSION_UNAVAILABLE',
    ],
    ['deleted', (id: string) => longRoom.secrets.remove(longRoom.ctx, id, { retain: false }), 'SECRET_NOT_ACTIVE'],
    ['written', (id: string) => longRoom.content.write(longRoom.ctx, id, { content: json(value(2)) }), 2],
  ] as const)('see at once that a secret they know was %s by another process', async (what, act, seen) => {
    const id = await room.secret(`known-${what}`);
    await room.content.read(room.ctx, id);
    await act(id);
    expect(await room.content.read(room.ctx, id).then(({ number }) => number, codeOf)).toBe(seen);
  });

  it('answer no reader because another one in the same statement may be answered', async () => {
    const id = await room.secret('two-readers');
    await room.content.read(room.ctx, id);
    const local = room.get(LocalContent);
    const known = local.known(room.ctx, id)!;
    const event = { action: 'test.read', outcome: 'allowed', resource: { kind: 'secret', id } } as const;
    const answers = await Promise.all(
      [known, { ...known, revision: known.revision - 1 }, known].map((one) =>
        local.read(room.ctx, one, room.get(AuditService).entry(room.ctx, event)),
      ),
    );
    expect(answers.map((answer) => answer !== undefined)).toEqual([true, false, true]);
    const entries = `select 1 from audit_entry where resource_id = $1::text and action = 'test.read'`;
    expect(await room.rows(entries, [id])).toHaveLength(2);
  });

  it('write the others when another process has changed one secret of the same statement', async () => {
    const ids = [await room.secret('first'), await room.secret('changed'), await room.secret('last')];
    for (const id of ids) await room.content.read(room.ctx, id);
    await longRoom.content.write(longRoom.ctx, ids[1]!, { content: json(value(1)) });
    const execute = jest.spyOn(room.get(Database), 'execute');
    const written = await Promise.all(ids.map((id) => room.content.write(room.ctx, id, { content: json(value(2)) })));
    const statements = execute.mock.calls
      .map(([, { name }]) => name)
      .filter((name) => name === 'secret_write_contents');
    execute.mockRestore();
    expect(written.map((one) => 'change' in one && versionOf(one.change))).toEqual([2, 3, 2]);
    // All three, nothing; the two others; and the changed one, found again.
    expect(statements).toHaveLength(3);
    const entries = `select resource_id, batch_id from audit_entry where resource_id = any($1) and action = 'secret.content'
      and outcome = 'allowed'`;
    const audited = await room.rows(entries, [ids]);
    const batchesOf = (id: string): unknown[] =>
      audited.filter((row) => row['resource_id'] === id).map((row) => row['batch_id']);
    const [first, changed, last] = ids.map(batchesOf);
    expect([first!.length, changed!.length, last!.length]).toEqual([1, 2, 1]);
    // What was written together is one batch.
    expect(first).toEqual(last);
  });

  it('audit no write of a secret whose object is gone from the vault', async () => {
    const [good, bad] = [await room.secret('there'), await room.secret('gone')];
    for (const id of [good, bad]) await room.content.read(room.ctx, id);
    await db.database.pool.query(
      'delete from builtin_object where name = (select physical_name from secret where id = $1)',
      [bad],
    );
    await Promise.allSettled([good, bad].map((id) => room.content.write(room.ctx, id, { content: json(value(1)) })));
    expect((await room.content.read(room.ctx, good)).number).toBe(2);
    const audited = `select details ->> 'changeId' as id from audit_entry
      where resource_id = any($1) and action = 'secret.content' and details ->> 'phase' = 'done' order by 1`;
    const done = `select id::text from change
      where secret_id = any($1) and kind = 'secret.content' and state = 'done' order by 1`;
    expect(await room.rows(audited, [[good, bad]])).toEqual(await room.rows(done, [[good, bad]]));
  });

  it('answer no reader without an audit entry', async () => {
    const id = await room.secret('unaudited');
    await room.content.read(room.ctx, id);
    const execute = jest.spyOn(room.get(Database), 'executeEarly').mockRejectedValue(new Error('disk full'));
    expect(await room.content.read(room.ctx, id).catch(codeOf)).toBe('AUDIT_UNAVAILABLE');
    execute.mockRestore();
  });

  it('answer no reader when the commit fails, although the content has arrived', async () => {
    const id = await room.secret('uncommitted');
    await room.content.read(room.ctx, id);
    await db.database.pool.query(`
      create function refuse_commit() returns trigger language plpgsql as $$ begin raise 'no commit'; end $$;
      create constraint trigger refuse_commit after insert on audit_batch deferrable initially deferred
        for each row execute function refuse_commit()`);
    const open = jest.spyOn(room.get(LOCAL_VAULT as never) as LocalVault, 'open');
    const answer = await room.content.read(room.ctx, id).catch(codeOf);
    expect([answer, open.mock.calls.length]).toEqual(['AUDIT_UNAVAILABLE', 1]);
    open.mockRestore();
    await db.database.pool.query('drop trigger refuse_commit on audit_batch; drop function refuse_commit');
    expect((await room.content.read(room.ctx, id)).number).toBe(1);
  });

  it('answer the others when the content of one does not open', async () => {
    const [good, bad] = [await room.secret('opens'), await room.secret('opens-not')];
    for (const id of [good, bad]) await room.content.read(room.ctx, id);
    const broken = `update builtin_version set content = set_byte(content, length(content) - 1, 255 - get_byte(content, length(content) - 1))
      where name = (select physical_name from secret where id = $1)`;
    await db.database.pool.query(broken, [bad]);
    const answers = await Promise.all([good, bad].map((id) => room.content.read(room.ctx, id).catch(codeOf)));
    expect(answers).toMatchObject([{ number: 1 }, 'CIPHERTEXT_INVALID']);
  });

  /** Everything that a secret has left in the database, without ids and times. */
  async function traces(id: string): Promise<Record<string, Row[]>> {
    const by = (table: string, where: string, order: string): Promise<Row[]> =>
      room.rows(`select * from ${table} where ${where} order by ${order}`, [id]);
    const tables = {
      secret: await by('secret', 'id = $1', 'id'),
      versions: await by('secret_version', 'secret_id = $1', 'number, revision'),
      changes: await by('change', 'secret_id = $1', 'id'),
      events: await by('event', 'subject_id = $1', 'id'),
      audit: await by('audit_entry', 'resource_id = $1::text', 'at, id'),
      objects: await by('builtin_object', 'name = (select physical_name from secret where id = $1)', 'name'),
      contents: await by('builtin_version', 'name = (select physical_name from secret where id = $1)', 'version'),
    };
    return Object.fromEntries(Object.entries(tables).map(([name, rows]) => [name, rows.map(plain)]));
  }

  const OWN = new Set([
    ...'tx request_id actor_id actor_root_id content day metadata'.split(' '),
    ...'batch_day batch_entries position'.split(' '),
  ]);

  /** Ids, times and names become their kind; null stays null. */
  function plain(row: Row): Row {
    return Object.fromEntries(
      Object.entries(row)
        .filter(([key]) => !OWN.has(key))
        .map(([key, one]) => [key, shape(one)]),
    );
  }

  function shape(one: unknown): unknown {
    if (one instanceof Date) return 'a time';
    if (Array.isArray(one)) return one.map(shape);
    if (one !== null && typeof one === 'object')
      return Object.fromEntries(Object.entries(one).map(([key, inner]) => [key, shape(inner)]));
    if (typeof one !== 'string') return one;
    return one.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'an id').replace(/(short|long)-\d+/, 'a name');
  }

  it('keep the time at which the content is due for rotation', async () => {
    const id = await room.secret('due', { rotationIntervalSeconds: 3_600 });
    await room.content.write(room.ctx, id, { content: json(value(1)) });
    const { secret } = await room.secrets.find(room.ctx, id);
    expect(secret.rotationDueAt!.getTime() - secret.rotatedAt!.getTime()).toBe(3_600_000);
  });

  it('do not miss a sync profile that is added while they wait for the secret', async () => {
    for (const on of [room, longRoom]) {
      const id = await on.secret(`added-${on === room ? 'short' : 'long'}`);
      const client = await db.database.pool.connect();
      await client.query('begin');
      await client.query('select 1 from secret where id = $1 for update', [id]);
      const written = on.content.write(on.ctx, id, { content: json(value(1)) });
      await someoneWaitsForALock(db);
      await client.query(
        `insert into sync_target (store_id, secret_id, profile_id, physical_name, desired_version, desired_fingerprint,
           desired_presence, verified_epoch)
         select s.store_id, s.id, p.id, 'x', s.current_version, s.current_fingerprint, 'present', 'x'
         from secret s, vault_profile p where s.id = $1 and p.name = 'kv'`,
        [id],
      );
      await client.query('update secret set revision = revision + 1 where id = $1', [id]);
      await client.query('commit');
      client.release();
      expect(await written).toMatchObject({ change: { state: 'done' } });
      const [target] = await on.rows('select desired_version from sync_target where secret_id = $1', [id]);
      expect(target).toEqual({ desired_version: 2 });
    }
  });

  it('refuse a secret that is disabled or deleted while they wait for it', async () => {
    for (const on of [room, longRoom])
      for (const [set, code] of [
        ['is_disabled = true', 'SECRET_DISABLED'],
        [`state = 'deleted'`, 'SECRET_NOT_FOUND'],
        [`state = 'deleting'`, 'SECRET_NOT_ACTIVE'],
      ] as const) {
        const id = await on.secret(`gone-${code}-${on === room ? 'short' : 'long'}`);
        const client = await db.database.pool.connect();
        await client.query('begin');
        await client.query(`update secret set ${set}, revision = revision + 1 where id = $1`, [id]);
        const written = on.content.write(on.ctx, id, { content: json(value(1)) }).catch(codeOf);
        await someoneWaitsForALock(db);
        await client.query('commit');
        client.release();
        expect([code, 'SECRET_NOT_ACTIVE']).toContain(await written);
        expect(await on.rows('select number from secret_version where secret_id = $1', [id])).toHaveLength(1);
      }
  });
});

describe('writers at the same time', () => {
  const N = 12;

  for (const source of ['prod', 'kv'])
    it(`make dense versions at ${source}, the last of which is the content`, async () => {
      const id = await room.secret(`unbound`, { sourceProfile: source });
      const answers = await Promise.all(
        Array.from({ length: N }, (_, n) => room.content.write(room.ctx, id, { content: json(value(n)) })),
      );
      const made = new Map(answers.map((answer, n) => ['change' in answer ? versionOf(answer.change) : 0, n]));
      expect([...made.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: N }, (_, n) => n + 2));
      const rows = await room.rows('select number from secret_version where secret_id = $1 order by number', [id]);
      expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: N + 1 }, (_, n) => n + 1));
      const { content, number } = await room.content.read(room.ctx, id);
      expect(number).toBe(N + 1);
      expect(JSON.parse(content.reveal())).toEqual(value(made.get(N + 1)!));
      const { secret } = await room.secrets.find(room.ctx, id);
      expect(secret.drift).toBeNull();
    });

  for (const source of ['prod', 'kv'])
    it(`bound to one version at ${source} win once; the others are told that they are stale`, async () => {
      const id = await room.secret(`bound`, { sourceProfile: source });
      const answers = await Promise.all(
        Array.from({ length: N }, (_, n) =>
          room.content.write(room.ctx, id, { content: json(value(n)), baseVersion: 1 }).then(() => 'won', codeOf),
        ),
      );
      expect(answers.filter((answer) => answer === 'won')).toHaveLength(1);
      expect(answers.filter((answer) => answer === 'STALE_MATCH')).toHaveLength(N - 1);
      expect((await room.content.read(room.ctx, id)).number).toBe(2);
    });

  it('never read anything but a version that was written, while others write', async () => {
    for (const source of ['prod', 'kv']) {
      const id = await room.secret('read-meanwhile', { sourceProfile: source, content: value(1) });
      let isOver = false;
      const reads = (async () => {
        const seen: number[] = [];
        while (!isOver) {
          const { content, number } = await room.content.read(room.ctx, id);
          expect(JSON.parse(content.reveal())).toEqual(value(number));
          seen.push(number);
        }
        return seen;
      })();
      for (let n = 2; n <= 15; n += 1) await room.content.write(room.ctx, id, { content: json(value(n)) });
      isOver = true;
      const seen = await reads;
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
      expect((await room.secrets.find(room.ctx, id)).secret.drift).toBeNull();
    }
  });
});
