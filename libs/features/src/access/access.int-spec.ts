import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { isAppError, SecretValue, systemClock, systemContext, type Clock, type RequestContext } from '@claviger/kernel';
import { AUDIT_ENTITIES, AuditService } from '@claviger/features/audit';
import type { Keyring } from '@claviger/platform/crypto';
import { createDataSource, Database } from '@claviger/platform/database';
import {
  captureLogs,
  createTestDatabase,
  FakeClock,
  pendingSchemaChanges,
  testKeyring,
  type TestDatabase,
} from '@claviger/testing';
import { AccessEpoch, TRUST_MS } from './access-epoch.js';
import { ACCESS_ENTITIES } from './access.entities.js';
import { AccessService } from './access.service.js';
import { PolicyLibrary } from './policy-library.js';
import { PolicyRepository } from './policy.repository.js';
import { PolicyService } from './policy.service.js';
import type { NewToken } from './token-grant.policy.js';
import { TokenRepository } from './token.repository.js';
import { TokenService } from './token.service.js';
import { TokenUses } from './token-uses.js';

/** The services as one process has them, over connections of its own. */
type Process = {
  readonly database: Database;
  readonly epoch: AccessEpoch;
  readonly access: AccessService;
  readonly tokens: TokenService;
  readonly policies: PolicyService;
  readonly uses: TokenUses;
  /** The context of a request with this token. */
  as(token: SecretValue, address?: string): Promise<RequestContext>;
  close(): Promise<void>;
};

const SECOND = 1_000;
const KV_READER = '{"path": {"k/data/*": {"capabilities": ["read"]}}}';

let test: TestDatabase;
let keyring: Keyring;
let logs: ReturnType<typeof captureLogs>;
let root: SecretValue;
const open: Process[] = [];

beforeAll(async () => {
  test = await createTestDatabase([...ACCESS_ENTITIES, ...AUDIT_ENTITIES]);
  keyring = await testKeyring(test.database);
});
afterAll(() => test.drop());
beforeEach(async () => {
  logs = captureLogs();
  await test.database.pool.query('delete from token');
  await test.database.pool.query('delete from policy');
  root = await rootToken(await start());
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function start(clock: Clock = systemClock): Promise<Process> {
  const entities = [...ACCESS_ENTITIES, ...AUDIT_ENTITIES];
  const dataSource = createDataSource({ url: test.url, poolSize: 8, entities, applicationName: 'claviger-test' });
  await dataSource.initialize();
  const database = new Database(dataSource);
  const epoch = new AccessEpoch(database, logs.logger);
  const uses = new TokenUses(database, logs.logger, clock);
  const access = new AccessService(database, keyring, epoch, new PolicyLibrary(database, epoch, clock), uses, clock);
  const audit = new AuditService(database, keyring, clock);
  const process: Process = {
    database,
    epoch,
    access,
    uses,
    tokens: new TokenService(database, new TokenRepository(database), access, epoch, keyring, audit, clock),
    policies: new PolicyService(database, new PolicyRepository(database), access, epoch, audit),
    as: async (token, address) => ({
      requestId: 'request',
      storeId: keyring.rootStoreId,
      actor: await access.authenticate(token, address),
    }),
    close: async () => {
      await epoch.onApplicationShutdown();
      await uses.onApplicationShutdown();
      await dataSource.destroy();
    },
  };
  open.push(process);
  return process;
}

const system = (): RequestContext =>
  systemContext({ requestId: 'start', storeId: keyring.rootStoreId, job: 'test.start' });

async function rootToken(process: Process): Promise<SecretValue> {
  let made: SecretValue | undefined;
  await process.database.transaction(system(), (tx) =>
    process.tokens.createRoot(tx, async (token) => {
      made = token;
    }),
  );
  return made!;
}

async function child(process: Process, of: SecretValue, wanted: NewToken = {}): Promise<SecretValue> {
  return (await process.tokens.create(await process.as(of), wanted)).token;
}

/** `accepted`, or the code of the refusal. */
async function answer(process: Process, token: SecretValue): Promise<string> {
  try {
    await process.access.authenticate(token);
    return 'accepted';
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
}

/** Resolves when memory is believed, so that what follows is about memory and not about reading through. */
async function becomesCurrent({ epoch }: Process): Promise<void> {
  epoch.start();
  await until(() => epoch.isCurrent());
}

async function until(isDone: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 15 * SECOND;
  while (!(await isDone())) {
    if (Date.now() > deadline) throw new Error('It never came true.');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Counts the statements of a name that a process sends from now on. */
function countStatements({ database }: Process, name: string): () => number {
  let count = 0;
  const execute = database.execute.bind(database);
  database.execute = ((ctx, statement, values) => {
    if (statement.name === name) count++;
    return execute(ctx, statement, values);
  }) as typeof database.execute;
  return () => count;
}

describe('the tables', () => {
  it('are those that the entities describe', async () => {
    const changes = await pendingSchemaChanges(test.dataSource);
    // Stores have no entity, and so TypeORM knows no reference to them.
    expect(changes.filter((change) => !/DROP CONSTRAINT "fk_\w+_store"$/.test(change))).toEqual([]);
  });
});

describe('authenticate', () => {
  it('says who holds a token and whose descendant it is', async () => {
    const process = await start();
    const top = await process.as(root);
    const { token, view } = await process.tokens.create(top, { policies: ['auditor'], displayName: 'ada' });
    const { actor } = await process.as(token);
    expect(actor).toMatchObject({ type: 'token', displayName: 'ada', policies: ['auditor'], accessor: view.accessor });
    expect(actor.rootId).toBe(top.actor.rootId);
    expect(top.actor.rootId).toBe(`token:${top.actor.id}`);
  });

  it('answers alike for what was never a token and for what is none any more', async () => {
    const clock = new FakeClock(new Date());
    const process = await start(clock);
    const [revoked, expired, spent] = [
      await process.tokens.create(await process.as(root), {}),
      await child(process, root, { ttlSeconds: 60 }),
      await child(process, root, { uses: 1 }),
    ];
    await process.tokens.revoke(await process.as(root), revoked.view.accessor);
    await process.access.authenticate(spent);
    await clock.advance(61 * SECOND);
    const texts = ['', 'x', `${root.reveal()}x`, `cvg_${'a'.repeat(43)}`, "cvg_' or 1=1 --", 's.abc', '\u0000'];
    const refusals: unknown[] = [];
    for (const token of [revoked.token, expired, spent, ...texts.map((text) => new SecretValue(text))]) {
      await process.access.authenticate(token).catch((error: unknown) => refusals.push({ ...(error as Error) }));
    }
    expect(refusals).toHaveLength(3 + texts.length);
    for (const refusal of refusals) {
      expect(refusal).toEqual(refusals[0]);
      expect(refusal).toMatchObject({ code: 'TOKEN_INVALID', kind: 'unauthenticated' });
    }
  });

  it('answers from memory while memory can be believed', async () => {
    const process = await start();
    await becomesCurrent(process);
    const reads = countStatements(process, 'access_find_token');
    const actors = [];
    for (let i = 0; i < 10; i++) actors.push(await process.access.authenticate(root));
    expect(reads()).toBe(1);
    expect(new Set(actors).size).toBe(1);
  });

  it('reads every time while it is not known whether something was revoked', async () => {
    const process = await start();
    await process.epoch.onApplicationShutdown();
    const reads = countStatements(process, 'access_find_token');
    for (let i = 0; i < 3; i++) await process.access.authenticate(root);
    expect(process.epoch.isCurrent()).toBe(false);
    expect(reads()).toBe(3);
  });

  it('judges expiry by the clock, also of what it remembers', async () => {
    const clock = new FakeClock(new Date());
    const process = await start(clock);
    const token = await child(process, root, { ttlSeconds: 60 });
    await becomesCurrent(process);
    expect(await answer(process, token)).toBe('accepted');
    await clock.advance(59 * SECOND);
    expect(await answer(process, token)).toBe('accepted');
    await clock.advance(1 * SECOND);
    expect(await answer(process, token)).toBe('TOKEN_INVALID');
  });

  it('refuses a child when one that it descends from has ended, and not when that was renewed', async () => {
    const clock = new FakeClock(new Date());
    const process = await start(clock);
    const parent = await process.tokens.create(await process.as(root), { ttlSeconds: 60, policies: ['admin'] });
    const grandchild = await child(process, await child(process, parent.token), { ttlSeconds: 3_600 });
    await becomesCurrent(process);
    expect(await answer(process, grandchild)).toBe('accepted');
    await clock.advance(59 * SECOND);
    await process.tokens.renew(await process.as(parent.token), parent.view.accessor);
    await clock.advance(30 * SECOND);
    expect(await answer(process, grandchild)).toBe('accepted');
    await clock.advance(31 * SECOND);
    expect(await answer(process, grandchild)).toBe('TOKEN_INVALID');
  });

  it('gives a limited token exactly its uses, however many processes are asked at a time', async () => {
    const [one, other] = [await start(), await start()];
    const token = await child(one, root, { uses: 7 });
    await Promise.all([becomesCurrent(one), becomesCurrent(other)]);
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => answer(i % 2 ? one : other, token)));
    expect(answers.filter((each) => each === 'accepted')).toHaveLength(7);
  });

  it('does not remember a limited token', async () => {
    const process = await start();
    await becomesCurrent(process);
    const token = await child(process, root, { uses: 2 });
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await answer(process, token));
    expect(answers).toEqual(['accepted', 'accepted', 'TOKEN_INVALID']);
  });

  it('keeps no token, neither in tables nor in logs', async () => {
    const process = await start();
    const token = await child(process, root, { policies: ['auditor'] });
    await process.access.authenticate(token);
    const misplaced: unknown[] = [];
    for (const ctx of [await process.as(root), await process.as(token)]) {
      const text = token.reveal();
      const calls = [
        () => process.tokens.get(ctx, text),
        () => process.tokens.renew(ctx, text),
        () => process.tokens.revoke(ctx, text),
        () => process.policies.get(ctx, text),
        () => process.policies.create(ctx, text, KV_READER),
        () => process.tokens.create(ctx, { policies: [text] }),
      ];
      for (const call of calls)
        await call().catch((error: unknown) => misplaced.push({ ...(error as Error), text: String(error) }));
    }
    expect(misplaced).toHaveLength(12);
    await process.uses.flush();
    const { rows } = await test.database.pool.query(
      `select t::text as row from token t union all select e::text from audit_entry e`,
    );
    const kept = JSON.stringify([rows, misplaced]) + logs.text();
    for (const canary of [token, root]) {
      const text = canary.reveal();
      for (const form of [
        text,
        text.slice(4),
        Buffer.from(text).toString('hex'),
        Buffer.from(text).toString('base64'),
      ]) {
        expect(kept).not.toContain(form);
      }
    }
  });

  it('notes when and from where a token was last used, without writing at each use', async () => {
    const clock = new FakeClock(new Date('2026-03-01T10:00:00Z'));
    const process = await start(clock);
    const writes = countStatements(process, 'access_mark_used');
    await process.as(root, '192.0.2.1');
    await clock.advance(SECOND);
    await process.as(root, '192.0.2.2');
    expect(writes()).toBe(0);
    await process.uses.flush();
    expect(writes()).toBe(1);
    expect(await process.tokens.self(await process.as(root))).toMatchObject({
      lastUsedAt: new Date('2026-03-01T10:00:01Z'),
      lastUsedAddress: '192.0.2.2',
    });
  });

  it('does not turn the time of the last use back when another process was later', async () => {
    const late = new FakeClock(new Date('2026-03-01T10:00:05Z'));
    const early = new FakeClock(new Date('2026-03-01T10:00:00Z'));
    const [one, other] = [await start(late), await start(early)];
    await one.as(root, '192.0.2.1');
    await other.as(root, '192.0.2.2');
    await one.uses.flush();
    await other.uses.flush();
    expect(await one.tokens.self(await one.as(root))).toMatchObject({ lastUsedAddress: '192.0.2.1' });
  });
});

describe('two processes', () => {
  /** Asks again and again after something was taken back; whoever asks later than a second after it must be refused. */
  async function expectRefusalWithinASecond(isAllowed: () => Promise<boolean>): Promise<void> {
    const takenBackAt = performance.now();
    await until(async () => {
      const askedAt = performance.now();
      const allowed = await isAllowed();
      if (allowed) expect(askedAt - takenBackAt).toBeLessThanOrEqual(TRUST_MS);
      return !allowed;
    });
  }

  const accepts = (process: Process, token: SecretValue) => async (): Promise<boolean> =>
    (await answer(process, token)) === 'accepted';
  const mayRead = (process: Process, token: SecretValue) => async (): Promise<boolean> =>
    process.access.can(await process.as(token), 'k/data/a', 'read');

  /** The connections over which a process is told. */
  const listeners = `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
    and query like '%access_epoch%'`;

  it('refuse a revoked token within a second, wherever it was revoked', async () => {
    const [one, other] = [await start(), await start()];
    const { token, view } = await one.tokens.create(await one.as(root), { policies: ['developer'] });
    await Promise.all([becomesCurrent(one), becomesCurrent(other)]);
    expect(await answer(other, token)).toBe('accepted');
    await one.tokens.revoke(await one.as(root), view.accessor);
    expect(await answer(one, token)).toBe('TOKEN_INVALID');
    await expectRefusalWithinASecond(accepts(other, token));
  });

  it('refuse it within a second without being told', async () => {
    const [one, other] = [await start(), await start()];
    const { token, view } = await one.tokens.create(await one.as(root), {});
    await becomesCurrent(other);
    await answer(other, token);
    // As the revocation does it, but without the NOTIFY.
    await test.database.pool.query('delete from token where accessor = $1', [view.accessor]);
    await test.database.pool.query('update access_epoch set epoch = epoch + 1');
    await expectRefusalWithinASecond(accepts(other, token));
  });

  it('refuse it within a second when the connection that tells them is cut, again and again', async () => {
    const [one, other] = [await start(), await start()];
    const { token, view } = await one.tokens.create(await one.as(root), {});
    await becomesCurrent(other);
    await answer(other, token);
    const cutting = setInterval(
      () =>
        void test.database.pool
          .query(`select pg_terminate_backend(pid) from (${listeners}) as l`)
          .catch(() => undefined),
      20,
    );
    try {
      await one.tokens.revoke(await one.as(root), view.accessor);
      await expectRefusalWithinASecond(accepts(other, token));
    } finally {
      clearInterval(cutting);
    }
    await until(() => other.epoch.isCurrent());
  });

  it('refuse it within a second when the connection that tells them cannot be had any more', async () => {
    const [one, other] = [await start(), await start()];
    const { token, view } = await one.tokens.create(await one.as(root), {});
    await becomesCurrent(other);
    await answer(other, token);
    const { pool } = other.database;
    const connect = pool.connect.bind(pool);
    // Statements connect with a callback; who wants to keep a connection awaits it.
    pool.connect = ((callback?: never) =>
      callback ? connect(callback) : Promise.reject(new Error('too many connections'))) as typeof pool.connect;
    await test.database.pool.query(`select pg_terminate_backend(pid) from (${listeners}) as l`);
    await one.tokens.revoke(await one.as(root), view.accessor);
    await expectRefusalWithinASecond(accepts(other, token));
    expect(other.epoch.isCurrent()).toBe(false);
    pool.connect = connect;
    await until(() => other.epoch.isCurrent());
    expect(await answer(other, root)).toBe('accepted');
  });

  it('forget everything when the connection that tells them was another one in between', async () => {
    const process = await start();
    await becomesCurrent(process);
    const { generation } = process.epoch;
    await test.database.pool.query(`select pg_terminate_backend(pid) from (${listeners}) as l`);
    await until(() => process.epoch.generation > generation);
    await until(() => process.epoch.isCurrent());
    expect(logs.lines().map(({ event }) => event)).toEqual(['access.epoch_lost', 'access.epoch_regained']);
  });

  it('are told, and need not wait until they ask', async () => {
    const { setTimeout: original } = globalThis;
    // Nobody wakes who sleeps for half a second: after the first question no other is ever asked.
    const deaf = (work: () => void, ms?: number): NodeJS.Timeout => original(work, ms === 500 ? 1_000_000_000 : ms);
    globalThis.setTimeout = deaf as typeof setTimeout;
    try {
      const [one, other] = [await start(), await start()];
      const { view } = await one.tokens.create(await one.as(root), {});
      await becomesCurrent(other);
      const { generation } = other.epoch;
      await one.tokens.revoke(await one.as(root), view.accessor);
      await until(() => other.epoch.generation > generation);
      expect(other.epoch.generation).toBe(generation + 1);
    } finally {
      globalThis.setTimeout = original;
    }
  });

  it('act on a changed policy at once while it is not known whether something was changed', async () => {
    const [one, other] = [await start(), await start()];
    const admin = await one.as(root);
    await one.policies.create(admin, 'reader', KV_READER);
    const token = await child(one, root, { policies: ['reader'] });
    await becomesCurrent(other);
    expect(await mayRead(other, token)()).toBe(true);
    await other.epoch.onApplicationShutdown();
    await until(() => !other.epoch.isCurrent());
    await one.policies.remove(admin, 'reader');
    expect(await mayRead(other, token)()).toBe(false);
  });

  it('act on a changed, a removed and a new policy within a second', async () => {
    const [one, other] = [await start(), await start()];
    const admin = await one.as(root);
    await one.policies.create(admin, 'reader', KV_READER);
    const token = await child(one, root, { policies: ['reader'] });
    await becomesCurrent(other);
    expect(await mayRead(other, token)()).toBe(true);
    await one.policies.update(admin, 'reader', '{"path": {"k/data/*": {"capabilities": ["list"]}}}');
    await expectRefusalWithinASecond(mayRead(other, token));
    await one.policies.update(admin, 'reader', KV_READER);
    await until(mayRead(other, token));
    await one.policies.remove(admin, 'reader');
    await expectRefusalWithinASecond(mayRead(other, token));
    await one.policies.create(admin, 'reader', KV_READER);
    await until(mayRead(other, token));
  });

  it('forget a longer life when a renewal makes it shorter', async () => {
    const clock = new FakeClock(new Date());
    const [one, other] = [await start(clock), await start(clock)];
    const { token, view } = await one.tokens.create(await one.as(root), { ttlSeconds: 3_600 });
    await becomesCurrent(other);
    await answer(other, token);
    await one.tokens.renew(await one.as(root), view.accessor, 10);
    await clock.advance(11 * SECOND);
    await expectRefusalWithinASecond(accepts(other, token));
  });

  /** Does something while a process reads by a statement: after the answer was made and before it arrives. */
  function during({ database, epoch }: Process, name: string, work: () => Promise<void>): void {
    const execute = database.execute.bind(database);
    database.execute = (async (ctx, statement, values) => {
      const result = await execute(ctx, statement, values);
      if (statement.name === name) {
        database.execute = execute;
        const { generation } = epoch;
        await work();
        await until(() => epoch.generation > generation);
      }
      return result;
    }) as typeof database.execute;
  }

  it('do not remember a token that was read before a revocation which came in between', async () => {
    const [one, other] = [await start(), await start()];
    const { token, view } = await one.tokens.create(await one.as(root), {});
    await becomesCurrent(other);
    const asRoot = await one.as(root);
    during(other, 'access_find_token', () => one.tokens.revoke(asRoot, view.accessor));
    // Read before it was revoked, and so still accepted this once.
    expect(await answer(other, token)).toBe('accepted');
    expect(await answer(other, token)).toBe('TOKEN_INVALID');
  });

  it('do not remember a policy that was read before a change which came in between', async () => {
    const [one, other] = [await start(), await start()];
    const admin = await one.as(root);
    await one.policies.create(admin, 'reader', KV_READER);
    const token = await child(one, root, { policies: ['reader'] });
    await becomesCurrent(other);
    during(other, 'access_find_policies', () => one.policies.remove(admin, 'reader'));
    expect(await mayRead(other, token)()).toBe(true);
    expect(await mayRead(other, token)()).toBe(false);
  });

  it('give out one first root token when they start at once', async () => {
    await test.database.pool.query('delete from token');
    const processes = await Promise.all([start(), start(), start()]);
    const handed: SecretValue[] = [];
    const made = await Promise.all(
      processes.map(({ database, tokens }) =>
        database.transaction(system(), (tx) => tokens.createFirst(tx, async (token) => void handed.push(token))),
      ),
    );
    expect(made.filter(Boolean)).toHaveLength(1);
    expect(handed).toHaveLength(1);
    expect(await answer(processes[0]!, handed[0]!)).toBe('accepted');
  });
});

describe('can', () => {
  it('refuses by default, and for a policy that does not exist', async () => {
    const process = await start();
    const ctx = await process.as(await child(process, root, { policies: ['nothing-of-that-name'] }));
    expect(process.access.can(ctx, 'k/data/a', 'read')).toBe(false);
    expect(() => process.access.authorize(ctx, 'k/data/a', 'read')).toThrow(
      expect.objectContaining({ code: 'ACCESS_DENIED', details: { path: 'k/data/a', operation: 'read' } }),
    );
  });

  it('merges ready and written policies', async () => {
    const process = await start();
    await process.policies.create(await process.as(root), 'reader', KV_READER);
    const ctx = await process.as(await child(process, root, { policies: ['operator', 'reader'] }));
    expect(process.access.can(ctx, 'k/data/a', 'read')).toBe(true);
    expect(process.access.can(ctx, 'claviger/vault-instances/a', 'update')).toBe(true);
    expect(process.access.can(ctx, 'claviger/tokens/a', 'read')).toBe(false);
  });

  it('asks for sudo on root-protected paths', async () => {
    const process = await start();
    const admin = await process.as(root);
    await process.policies.create(admin, 'sealer', '{"path": {"sys/*": {"capabilities": ["update"]}}}');
    const sealer = await process.as(await child(process, root, { policies: ['sealer'] }));
    expect(process.access.can(sealer, 'sys/mounts/a', 'update')).toBe(true);
    expect(process.access.can(sealer, 'sys/seal', 'update')).toBe(false);
    expect(process.access.can(sealer, '/sys/seal', 'update')).toBe(false);
    expect(process.access.can(admin, 'sys/seal', 'update')).toBe(true);
  });

  it('refuses what depends on more than path and operation', async () => {
    const process = await start();
    const text = JSON.stringify({
      path: {
        'k/data/a': { capabilities: ['update'], denied_parameters: { ttl: [] } },
        'k/metadata/': { capabilities: ['list'], list_scan_response_keys_filter_path: 'k/data/{{ .key }}' },
      },
    });
    await process.policies.create(await process.as(root), 'conditional', text);
    const ctx = await process.as(await child(process, root, { policies: ['conditional'] }));
    expect(process.access.can(ctx, 'k/data/a', 'update')).toBe(false);
    expect(process.access.can(ctx, 'k/metadata/', 'list')).toBe(false);
  });

  it('lets a part of a policy end by the clock', async () => {
    const clock = new FakeClock(new Date('2026-03-01T10:00:00Z'));
    const process = await start(clock);
    const text = '{"path": {"k/data/*": {"capabilities": ["read"], "expiration": "2026-03-01T11:00:00Z"}}}';
    await process.policies.create(await process.as(root), 'until-eleven', text);
    const token = await child(process, root, { policies: ['until-eleven'] });
    await becomesCurrent(process);
    expect(process.access.can(await process.as(token), 'k/data/a', 'read')).toBe(true);
    await clock.advance(3_601 * SECOND);
    expect(process.access.can(await process.as(token), 'k/data/a', 'read')).toBe(false);
  });

  it('lets Claviger itself do everything', async () => {
    expect((await start()).access.can(system(), 'k/data/a', 'delete')).toBe(true);
  });

  it('refuses the holder of a policy that cannot be read, naming it', async () => {
    const process = await start();
    await process.policies.create(await process.as(root), 'broken', KV_READER);
    const token = await child(process, root, { policies: ['broken'] });
    await test.database.pool.query(`update policy set text = '{', revision = revision + 1`);
    await expect(process.access.authenticate(token)).rejects.toMatchObject({
      code: 'POLICY_UNREADABLE',
      kind: 'internal',
      message: expect.stringContaining('broken'),
    });
  });
});

describe('TokenService', () => {
  it('takes a whole tree back, and nothing beside it', async () => {
    const process = await start();
    const parent = await process.tokens.create(await process.as(root), { policies: ['admin'] });
    const family = [parent.token];
    for (let i = 0; i < 4; i++) family.push(await child(process, family.at(-1)!));
    const sibling = await child(process, root);
    const orphan = await child(process, parent.token, { isOrphan: true });
    await process.tokens.revoke(await process.as(root), parent.view.accessor);
    for (const token of family) expect(await answer(process, token)).toBe('TOKEN_INVALID');
    for (const token of [root, sibling, orphan]) expect(await answer(process, token)).toBe('accepted');
  });

  it('leaves no child that was being made while its parent was revoked', async () => {
    const [one, other] = [await start(), await start()];
    for (let round = 0; round < 10; round++) {
      const parent = await one.tokens.create(await one.as(root), { policies: ['admin'] });
      const asParent = await other.as(parent.token);
      const asRoot = await one.as(root);
      const children = Array.from({ length: 6 }, () => other.tokens.create(asParent, {}));
      const [, ...made] = await Promise.allSettled([one.tokens.revoke(asRoot, parent.view.accessor), ...children]);
      for (const each of made) {
        if (each.status === 'fulfilled') expect(await answer(one, each.value.token)).toBe('TOKEN_INVALID');
        else expect(each.reason).toMatchObject({ code: 'TOKEN_INVALID' });
      }
    }
  });

  it('lets everybody look up, renew and revoke their own token, and nobody else theirs', async () => {
    const process = await start();
    const [mine, other] = [
      await process.tokens.create(await process.as(root), { policies: ['developer'] }),
      await process.tokens.create(await process.as(root), { policies: ['developer'] }),
    ];
    const ctx = await process.as(mine.token);
    expect((await process.tokens.self(ctx)).accessor).toBe(mine.view.accessor);
    await process.tokens.renew(ctx, mine.view.accessor);
    const denied = { code: 'ACCESS_DENIED' };
    for (const accessor of [other.view.accessor, 'a'.repeat(24)]) {
      await expect(process.tokens.get(ctx, accessor)).rejects.toMatchObject(denied);
      await expect(process.tokens.renew(ctx, accessor)).rejects.toMatchObject(denied);
      await expect(process.tokens.revoke(ctx, accessor)).rejects.toMatchObject(denied);
    }
    await expect(process.tokens.list(ctx, 10)).rejects.toMatchObject(denied);
    await expect(process.tokens.create(ctx, {})).rejects.toMatchObject(denied);
    await process.tokens.revoke(ctx, mine.view.accessor);
    expect(await answer(process, mine.token)).toBe('TOKEN_INVALID');
  });

  it('renews up to the maximum and never beyond', async () => {
    const clock = new FakeClock(new Date('2026-03-01T10:00:00Z'));
    const process = await start(clock);
    const wanted = { ttlSeconds: 60, maxTtlSeconds: 100 };
    const { token, view } = await process.tokens.create(await process.as(root), wanted);
    expect(view.expiresAt).toEqual(new Date('2026-03-01T10:01:00Z'));
    await clock.advance(30 * SECOND);
    const renewed = await process.tokens.renew(await process.as(token), view.accessor);
    expect(renewed).toMatchObject({ expiresAt: new Date('2026-03-01T10:01:30Z'), renewedAt: clock.now() });
    await clock.advance(30 * SECOND);
    expect(await process.tokens.renew(await process.as(token), view.accessor)).toMatchObject({
      expiresAt: new Date('2026-03-01T10:01:40Z'),
    });
    await clock.advance(41 * SECOND);
    expect(await answer(process, token)).toBe('TOKEN_INVALID');
    await expect(process.tokens.renew(await process.as(root), view.accessor)).rejects.toMatchObject({
      code: 'TOKEN_NOT_FOUND',
    });
  });

  it('lists what is alive by accessor, in pages', async () => {
    const clock = new FakeClock(new Date());
    const process = await start(clock);
    await child(process, root, { ttlSeconds: 60 });
    const parent = await child(process, root, { ttlSeconds: 60, policies: ['admin'] });
    await child(process, parent, { ttlSeconds: 3_600 });
    for (let i = 0; i < 4; i++) await child(process, root);
    await clock.advance(61 * SECOND);
    const ctx = await process.as(root);
    const first = await process.tokens.list(ctx, 3);
    const second = await process.tokens.list(ctx, 3, first.at(-1)!.accessor);
    const accessors = [...first, ...second].map(({ accessor }) => accessor);
    expect(accessors).toHaveLength(5);
    expect(accessors).toEqual([...accessors].sort());
    expect(accessors).toContain(ctx.actor.accessor);
  });

  it('removes what has ended, with what descends from it, and nothing else', async () => {
    const clock = new FakeClock(new Date());
    const process = await start(clock);
    const parent = await child(process, root, { ttlSeconds: 60, policies: ['admin'] });
    await child(process, parent, { ttlSeconds: 3_600 });
    const spent = await child(process, root, { uses: 1 });
    await process.access.authenticate(spent);
    const alive = await child(process, root, { ttlSeconds: 3_600 });
    await clock.advance(61 * SECOND);
    expect(await process.tokens.removeEnded(system())).toBe(2);
    const { rows } = await test.database.pool.query('select count(*)::int as count from token');
    expect(rows).toEqual([{ count: 2 }]);
    expect(await answer(process, alive)).toBe('accepted');
  });

  it('makes no first root token when there is one, or when it cannot be handed over', async () => {
    const process = await start();
    const first = (hand: () => Promise<void>): Promise<boolean> =>
      process.database.transaction(system(), (tx) => process.tokens.createFirst(tx, hand));
    expect(await first(() => Promise.reject(new Error('never called')))).toBe(false);
    await test.database.pool.query('delete from token');
    await expect(first(() => Promise.reject(new Error('the disk is full')))).rejects.toThrow('the disk is full');
    expect(await first(async () => undefined)).toBe(true);
  });

  it('records each mutation once, with its facts', async () => {
    const process = await start();
    const before = await auditCount();
    const ctx = await process.as(root);
    const { view } = await process.tokens.create(ctx, { policies: ['auditor'] });
    await process.tokens.renew(ctx, view.accessor);
    await process.tokens.revoke(ctx, view.accessor);
    const { rows } = await test.database.pool.query(
      `select action, actor_id, details from audit_entry where details->>'accessor' = $1`,
      [view.accessor],
    );
    expect(await auditCount()).toBe(before + 3);
    expect(new Set(rows.map(({ action }) => action))).toEqual(new Set(['token.create', 'token.renew', 'token.revoke']));
    for (const { actor_id, details } of rows) {
      expect(actor_id).toBe(ctx.actor.id);
      expect(details).toMatchObject({ accessor: view.accessor, policies: 'auditor' });
    }
  });
});

describe('PolicyService', () => {
  it('keeps a policy as it was sent', async () => {
    const process = await start();
    const ctx = await process.as(root);
    const text = '\n  {"path" : {"k/data/*": {"capabilities":["read"]}}}\n';
    await process.policies.create(ctx, 'reader', text, 'Reads k.');
    expect(await process.policies.get(ctx, 'reader')).toEqual({
      name: 'reader',
      description: 'Reads k.',
      isReady: false,
      revision: 1,
      policy: text,
    });
  });

  it.each([
    ['a text with a mistake', 'reader', '{"path": {\n"a": {"capabilities": ["reed"]}}}', 'POLICY_INVALID'],
    ['a name in capitals', 'Reader', KV_READER, 'INPUT_INVALID'],
    ['a name with a slash', 'a/b', KV_READER, 'INPUT_INVALID'],
    ['the name of a ready policy', 'admin', KV_READER, 'POLICY_IMMUTABLE'],
    ['the name root', 'root', KV_READER, 'POLICY_IMMUTABLE'],
  ])('refuses %s and changes nothing', async (_, name, text, code) => {
    const process = await start();
    const ctx = await process.as(root);
    const before = await auditCount();
    await expect(process.policies.create(ctx, name, text)).rejects.toMatchObject({ code });
    expect(await auditCount()).toBe(before);
    expect((await process.policies.list(ctx, 100)).every(({ isReady }) => isReady)).toBe(true);
  });

  it('refuses a second policy of a name', async () => {
    const process = await start();
    const ctx = await process.as(root);
    await process.policies.create(ctx, 'reader', KV_READER);
    await expect(process.policies.create(ctx, 'reader', KV_READER)).rejects.toMatchObject({ code: 'POLICY_EXISTS' });
  });

  it('neither changes nor removes a ready policy', async () => {
    const process = await start();
    const ctx = await process.as(root);
    const immutable = { code: 'POLICY_IMMUTABLE' };
    await expect(process.policies.update(ctx, 'auditor', KV_READER)).rejects.toMatchObject(immutable);
    await expect(process.policies.remove(ctx, 'auditor')).rejects.toMatchObject(immutable);
    expect((await process.policies.get(ctx, 'auditor')).policy).toContain('"+/data/*"');
  });

  it('lets nobody overwrite what somebody else has just changed', async () => {
    const process = await start();
    const ctx = await process.as(root);
    await process.policies.create(ctx, 'reader', KV_READER);
    const updates = await Promise.allSettled([1, 2, 3].map(() => process.policies.update(ctx, 'reader', KV_READER, 1)));
    expect(updates.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(process.policies.remove(ctx, 'reader', 1)).rejects.toMatchObject({
      code: 'STALE_MATCH',
      details: { current: 2 },
    });
    await process.policies.remove(ctx, 'reader', 2);
    await expect(process.policies.get(ctx, 'reader')).rejects.toMatchObject({ code: 'POLICY_NOT_FOUND' });
  });

  it('lists ready and written policies together, in pages by name', async () => {
    const process = await start();
    const ctx = await process.as(root);
    for (const name of ['zebra', 'b', 'bb', 'admin-of-k']) await process.policies.create(ctx, name, KV_READER);
    const names: string[] = [];
    for (let page = await process.policies.list(ctx, 2); page.length > 0;) {
      names.push(...page.map(({ name }) => name));
      page = await process.policies.list(ctx, 2, names.at(-1));
    }
    expect(names).toEqual(['admin', 'admin-of-k', 'approver', 'auditor', 'b', 'bb', 'developer', 'operator', 'zebra']);
  });

  it('does nothing for who may not, whether or not there is such a policy', async () => {
    const process = await start();
    await process.policies.create(await process.as(root), 'reader', KV_READER);
    const ctx = await process.as(await child(process, root, { policies: ['developer'] }));
    for (const name of ['reader', 'nothing']) {
      const denied = { code: 'ACCESS_DENIED', details: { path: `claviger/policies/${name}` } };
      await expect(process.policies.get(ctx, name)).rejects.toMatchObject(denied);
      await expect(process.policies.create(ctx, name, KV_READER)).rejects.toMatchObject(denied);
      await expect(process.policies.update(ctx, name, KV_READER)).rejects.toMatchObject(denied);
      await expect(process.policies.remove(ctx, name)).rejects.toMatchObject(denied);
    }
  });
});

async function auditCount(): Promise<number> {
  const { rows } = await test.database.pool.query('select count(*)::int as count from audit_entry');
  return (rows as [{ count: number }])[0].count;
}
