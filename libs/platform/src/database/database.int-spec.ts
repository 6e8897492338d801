import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { RequestContext } from '@claviger/kernel';
import { createTestDatabase, testContext, type TestDatabase } from '@claviger/testing';
import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Database, NamedStatement } from './database.js';

@Entity('note', { synchronize: false })
class Note {
  @PrimaryColumn('int')
  id: number;

  @Column('text')
  text: string;
}

const INSERT: NamedStatement = { name: 'note_insert', text: 'insert into note (id, text) values ($1, $2)' };
const BACKEND: NamedStatement = { name: 'backend', text: 'select pg_backend_pid() as pid' };

describe('Database', () => {
  const ctx = testContext();
  let test: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    test = await createTestDatabase([Note]);
    database = test.database;
    await database.pool.query(
      'create table note (id int primary key, text text not null, parent int references note (id) deferrable initially deferred)',
    );
  });
  afterAll(() => test.drop());
  beforeEach(() => database.pool.query('truncate note'));

  const texts = async (): Promise<string[]> =>
    (await database.pool.query('select text from note order by id')).rows.map((row: { text: string }) => row.text);
  const save = (on: RequestContext, id: number, text: string): Promise<unknown> =>
    database.repository(on, Note).insert({ id, text });

  it('commits what repositories and named statements did, together', async () => {
    const result = await database.transaction(ctx, async (tx) => {
      await save(tx, 1, 'repository');
      await database.execute(tx, INSERT, [2, 'statement']);
      expect(await texts()).toEqual([]);
      return 'done';
    });
    expect(result).toBe('done');
    expect(await texts()).toEqual(['repository', 'statement']);
  });

  it('rolls all of it back when the work throws, and passes the error on', async () => {
    const work = database.transaction(ctx, async (tx) => {
      await save(tx, 1, 'repository');
      await database.execute(tx, INSERT, [2, 'statement']);
      throw new Error('changed my mind');
    });
    await expect(work).rejects.toThrow('changed my mind');
    expect(await texts()).toEqual([]);
  });

  it('runs a named statement on the connection of the transaction', async () => {
    const pid = async (on: RequestContext): Promise<number> =>
      (await database.execute<{ pid: number }>(on, BACKEND, [])).rows[0]!.pid;
    await database.transaction(ctx, async (tx) => {
      const [{ pid: mine }] = (await database.manager(tx).query('select pg_backend_pid() as pid')) as [{ pid: number }];
      expect(await pid(tx)).toBe(mine);
      expect(await pid(ctx)).not.toBe(mine);
    });
  });

  it('joins the transaction that the context carries', async () => {
    const outer = database.transaction(ctx, async (tx) => {
      await database.transaction(tx, (joined) => save(joined, 1, 'inner'));
      throw new Error('the outer one fails');
    });
    await expect(outer).rejects.toThrow('the outer one fails');
    expect(await texts()).toEqual([]);
  });

  it('leaves the context that it was given without a transaction', async () => {
    await database.transaction(ctx, async (tx) => {
      expect(tx.transaction).toBeDefined();
    });
    expect(ctx.transaction).toBeUndefined();
  });

  describe('afterCommit', () => {
    it('runs in order once the rows are visible to others', async () => {
      const ran: string[] = [];
      await database.transaction(ctx, async (tx) => {
        await save(tx, 1, 'row');
        database.afterCommit(tx, () => ran.push('first'));
        await database.transaction(tx, async (joined) => database.afterCommit(joined, () => ran.push('second')));
        expect(ran).toEqual([]);
      });
      expect(ran).toEqual(['first', 'second']);
    });

    it('never runs when the work throws', async () => {
      let ran = false;
      await database
        .transaction(ctx, async (tx) => {
          database.afterCommit(tx, () => (ran = true));
          throw new Error('no');
        })
        .catch(() => undefined);
      expect(ran).toBe(false);
    });

    it('never runs when the commit itself fails', async () => {
      let ran = false;
      const work = database.transaction(ctx, async (tx) => {
        database.afterCommit(tx, () => (ran = true));
        await database.manager(tx).query(`insert into note (id, text, parent) values (1, 'orphan', 99)`);
      });
      await expect(work).rejects.toThrow(/foreign key/);
      expect(ran).toBe(false);
    });

    it('runs at once without a transaction', () => {
      let ran = false;
      database.afterCommit(ctx, () => (ran = true));
      expect(ran).toBe(true);
    });
  });

  it('gives every connection back, also after failures', async () => {
    const attempts = Array.from({ length: 40 }, (_, i) =>
      database.transaction(ctx, async (tx) => {
        await database.execute(tx, INSERT, [i % 20, 'same key twice']);
        if (i % 3 === 0) throw new Error('no');
      }),
    );
    await Promise.allSettled(attempts);
    expect(database.pool.idleCount).toBe(database.pool.totalCount);
    expect(database.pool.waitingCount).toBe(0);
  });

  describe('executeEarly', () => {
    const ADD: NamedStatement = {
      name: 'note_add',
      text: `with added as (insert into note (id, text, parent) values ($1, $2, $3) returning text)
        select upper(text) as text from added`,
    };

    it('hands the rows over and ends when they are committed', async () => {
      const log: unknown[] = [];
      for (const [id, text] of [
        [1, 'one'],
        [2, 'two'],
      ])
        await database.executeEarly(ADD, [id, text, null], (rows) => log.push(...rows));
      expect(log).toEqual([['ONE'], ['TWO']]);
      expect(await texts()).toEqual(['one', 'two']);
    });

    it('hands the rows over before the commit, and fails when that does', async () => {
      const early: unknown[] = [];
      // Whether the parent is there is looked at when it commits.
      const adding = database.executeEarly(ADD, [1, 'orphan', 99], (rows) => early.push(...rows));
      await expect(adding).rejects.toMatchObject({ code: '23503' });
      expect(early).toEqual([['ORPHAN']]);
      expect(await texts()).toEqual([]);
    });

    it('hands nothing over when the statement fails, and leaves its connection in order', async () => {
      let calls = 0;
      const connections = database.pool.totalCount;
      for (let i = 0; i < 20; i += 1) {
        const adding = database.executeEarly(ADD, ['x', 'text', null], () => (calls += 1));
        await expect(adding).rejects.toMatchObject({ code: '22P02' });
      }
      expect(calls).toBe(0);
      expect(database.pool.totalCount).toBeLessThanOrEqual(Math.max(connections, 1));
      await database.executeEarly(ADD, [1, 'after', null], () => (calls += 1));
      expect([calls, await texts()]).toEqual([1, ['after']]);
    });

    it('fails when the server is gone before the commit', async () => {
      const client = await database.pool.connect();
      await client.query('begin; lock table note');
      const adding = database.executeEarly(ADD, [1, 'lost', null], () => undefined);
      adding.catch(() => undefined);
      const waiting = `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      let pid: number | undefined;
      for (const until = Date.now() + 10_000; pid === undefined && Date.now() < until;)
        pid = (await database.pool.query<{ pid: number }>(waiting)).rows[0]?.pid;
      await database.pool.query('select pg_terminate_backend($1)', [pid]);
      await expect(adding).rejects.toThrow();
      await client.query('rollback');
      client.release();
      expect(await texts()).toEqual([]);
    });
  });
});
