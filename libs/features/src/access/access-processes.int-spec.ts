import { describe, expect, it } from '@jest/globals';
import { type SecretValue } from '@claviger/kernel';
import { FakeClock } from '@claviger/testing';
import {
  answer,
  becomesCurrent,
  child,
  until,
  AccessRoom,
  KV_READER,
  type AccessProcess,
} from '../../../testing/src/access-room.js';
import { TRUST_MS } from './access-epoch.js';

const SECOND = 1_000;
const room = AccessRoom.forFile();

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

  const accepts = (process: AccessProcess, token: SecretValue) => async (): Promise<boolean> =>
    (await answer(process, token)) === 'accepted';
  const mayRead = (process: AccessProcess, token: SecretValue) => async (): Promise<boolean> =>
    process.access.can(await process.as(token), 'k/data/a', 'read');

  /** The connections over which a process is told. */
  const listeners = `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
    and query like '%access_epoch%'`;

  it('refuse a revoked token within a second, wherever it was revoked', async () => {
    const [one, other] = [await room.start(), await room.start()];
    const { token, view } = await one.tokens.create(await one.as(room.root), { policies: ['developer'] });
    await Promise.all([becomesCurrent(one), becomesCurrent(other)]);
    expect(await answer(other, token)).toBe('accepted');
    await one.tokens.revoke(await one.as(room.root), view.accessor);
    expect(await answer(one, token)).toBe('TOKEN_INVALID');
    await expectRefusalWithinASecond(accepts(other, token));
  });

  it('refuse it within a second without being told', async () => {
    const [one, other] = [await room.start(), await room.start()];
    const { token, view } = await one.tokens.create(await one.as(room.root), {});
    await becomesCurrent(other);
    await answer(other, token);
    // As the revocation does it, but without the NOTIFY.
    await room.test.database.pool.query('delete from token where accessor = $1', [view.accessor]);
    await room.test.database.pool.query('update access_epoch set epoch = epoch + 1');
    await expectRefusalWithinASecond(accepts(other, token));
  });

  it('refuse it within a second when the connection that tells them is cut, again and again', async () => {
    const [one, other] = [await room.start(), await room.start()];
    const { token, view } = await one.tokens.create(await one.as(room.root), {});
    await becomesCurrent(other);
    await answer(other, token);
    const cutting = setInterval(
      () =>
        void room.test.database.pool
          .query(`select pg_terminate_backend(pid) from (${listeners}) as l`)
          .catch(() => undefined),
      20,
    );
    try {
      await one.tokens.revoke(await one.as(room.root), view.accessor);
      await expectRefusalWithinASecond(accepts(other, token));
    } finally {
      clearInterval(cutting);
    }
    await until(() => other.epoch.isCurrent());
  });

  it('refuse it within a second when the connection that tells them cannot be had any more', async () => {
    const [one, other] = [await room.start(), await room.start()];
    const { token, view } = await one.tokens.create(await one.as(room.root), {});
    await becomesCurrent(other);
    await answer(other, token);
    const { pool } = other.database;
    const connect = pool.connect.bind(pool);
    // Statements connect with a callback; who wants to keep a connection awaits it.
    pool.connect = ((callback?: never) =>
      callback ? connect(callback) : Promise.reject(new Error('too many connections'))) as typeof pool.connect;
    await room.test.database.pool.query(`select pg_terminate_backend(pid) from (${listeners}) as l`);
    await one.tokens.revoke(await one.as(room.root), view.accessor);
    await expectRefusalWithinASecond(accepts(other, token));
    expect(other.epoch.isCurrent()).toBe(false);
    pool.connect = connect;
    await until(() => other.epoch.isCurrent());
    expect(await answer(other, room.root)).toBe('accepted');
  });

  it('forget everything when the connection that tells them was another one in between', async () => {
    const process = await room.start();
    await becomesCurrent(process);
    const { generation } = process.epoch;
    await room.test.database.pool.query(`select pg_terminate_backend(pid) from (${listeners}) as l`);
    await until(() => process.epoch.generation > generation);
    await until(() => process.epoch.isCurrent());
    expect(room.logs.lines().map(({ event }) => event)).toEqual(['access.epoch_lost', 'access.epoch_regained']);
  });

  it('are told, and need not wait until they ask', async () => {
    const { setTimeout: original } = globalThis;
    // Nobody wakes who sleeps for half a second: after the first question no other is ever asked.
    const deaf = (work: () => void, ms?: number): NodeJS.Timeout => original(work, ms === 500 ? 1_000_000_000 : ms);
    globalThis.setTimeout = deaf as typeof setTimeout;
    try {
      const [one, other] = [await room.start(), await room.start()];
      const { view } = await one.tokens.create(await one.as(room.root), {});
      await becomesCurrent(other);
      const { generation } = other.epoch;
      await one.tokens.revoke(await one.as(room.root), view.accessor);
      await until(() => other.epoch.generation > generation);
      expect(other.epoch.generation).toBe(generation + 1);
    } finally {
      globalThis.setTimeout = original;
    }
  });

  it('act on a changed policy at once while it is not known whether something was changed', async () => {
    const [one, other] = [await room.start(), await room.start()];
    const admin = await one.as(room.root);
    await one.policies.create(admin, 'reader', KV_READER);
    const token = await child(one, room.root, { policies: ['reader'] });
    await becomesCurrent(other);
    expect(await mayRead(other, token)()).toBe(true);
    await other.epoch.onApplicationShutdown();
    await until(() => !other.epoch.isCurrent());
    await one.policies.remove(admin, 'reader');
    expect(await mayRead(other, token)()).toBe(false);
  });

  it('act on a changed, a removed and a new policy within a second', async () => {
    const [one, other] = [await room.start(), await room.start()];
    const admin = await one.as(room.root);
    await one.policies.create(admin, 'reader', KV_READER);
    const token = await child(one, room.root, { policies: ['reader'] });
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
    const [one, other] = [await room.start(clock), await room.start(clock)];
    const { token, view } = await one.tokens.create(await one.as(room.root), { ttlSeconds: 3_600 });
    await becomesCurrent(other);
    await answer(other, token);
    await one.tokens.renew(await one.as(room.root), view.accessor, 10);
    await clock.advance(11 * SECOND);
    await expectRefusalWithinASecond(accepts(other, token));
  });

  /** Does something while a process reads by a statement: after the answer was made and before it arrives. */
  function during({ database, epoch }: AccessProcess, name: string, work: () => Promise<void>): void {
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
    const [one, other] = [await room.start(), await room.start()];
    const { token, view } = await one.tokens.create(await one.as(room.root), {});
    await becomesCurrent(other);
    const asRoot = await one.as(room.root);
    during(other, 'access_find_token', () => one.tokens.revoke(asRoot, view.accessor));
    // Read before it was revoked, and so still accepted this once.
    expect(await answer(other, token)).toBe('accepted');
    expect(await answer(other, token)).toBe('TOKEN_INVALID');
  });

  it('do not remember a policy that was read before a change which came in between', async () => {
    const [one, other] = [await room.start(), await room.start()];
    const admin = await one.as(room.root);
    await one.policies.create(admin, 'reader', KV_READER);
    const token = await child(one, room.root, { policies: ['reader'] });
    await becomesCurrent(other);
    during(other, 'access_find_policies', () => one.policies.remove(admin, 'reader'));
    expect(await mayRead(other, token)()).toBe(true);
    expect(await mayRead(other, token)()).toBe(false);
  });

  it('give out one first root token when they start at once', async () => {
    await room.test.database.pool.query('delete from token');
    const processes = await Promise.all([room.start(), room.start(), room.start()]);
    const handed: SecretValue[] = [];
    const made = await Promise.all(
      processes.map(({ database, tokens }) =>
        database.transaction(room.system(), (tx) => tokens.createFirst(tx, async (token) => void handed.push(token))),
      ),
    );
    expect(made.filter(Boolean)).toHaveLength(1);
    expect(handed).toHaveLength(1);
    expect(await answer(processes[0]!, handed[0]!)).toBe('accepted');
  });
});
