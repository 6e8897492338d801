import { createTestDatabase, FakeClock, captureLogs, type TestDatabase } from '@claviger/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Pool } from 'pg';
import { MetricRegistry, StateReader } from './index.js';

describe('StateReader', () => {
  let database: TestDatabase;
  let pool: Pool;
  beforeAll(async () => {
    database = await createTestDatabase();
    pool = new Pool({ connectionString: database.url, max: 2 });
    await pool.query('create table door (state text)');
  });
  afterAll(async () => {
    await pool.end();
    await database.drop();
  });
  beforeEach(() => pool.query(`truncate door`));

  const clock = new FakeClock();
  const logs = captureLogs();
  const reader = ({ sql = 'select state, count(*) as value from door group by state', isTeller = true } = {}) => {
    const gauge = new MetricRegistry().gauge({ name: 'doors', help: 'Doors.', labels: { state: ['open', 'shut'] } });
    const state = new StateReader([{ gauge, sql }], {
      pool,
      clock,
      logger: logs.logger,
      isTeller: () => Promise.resolve(isTeller),
    });
    const told = (): string[] => gauge.render().trimEnd().split('\n').slice(2).sort();
    return { state, told };
  };

  it('tells a series for each row, anew after 15 seconds, and forgets those that are not there any more', async () => {
    const { state, told } = reader();
    await pool.query(`insert into door values ('open'), ('open'), ('shut')`);
    await state.refresh();
    expect(told()).toEqual(['doors{state="open"} 2', 'doors{state="shut"} 1']);
    await pool.query(`delete from door where state = 'shut'`);
    await clock.advance(14_999);
    await state.refresh();
    expect(told()).toHaveLength(2);
    await clock.advance(1);
    await state.refresh();
    expect(told()).toEqual(['doors{state="open"} 2']);
  });

  it('tells nothing where another process is the one to tell', async () => {
    const { state, told } = reader({ isTeller: false });
    await pool.query(`insert into door values ('open')`);
    await state.refresh();
    expect(told()).toEqual([]);
  });

  it('tells nothing rather than something old when it cannot be read, and says so once', async () => {
    const { state, told } = reader();
    await pool.query(`insert into door values ('open')`);
    await state.refresh();
    await pool.query('alter table door rename to gate');
    for (let times = 0; times < 2; times += 1) {
      await clock.advance(15_000);
      await state.refresh();
    }
    expect(told()).toEqual([]);
    expect(logs.lines('metrics.unread')).toHaveLength(1);
    await pool.query('alter table gate rename to door');
    await clock.advance(15_000);
    await state.refresh();
    expect(told()).toEqual(['doors{state="open"} 1']);
  });

  it('cannot change anything', async () => {
    const { state } = reader({ sql: `insert into door values ('made') returning state, 1 as value` });
    await state.refresh();
    expect((await pool.query('select from door')).rowCount).toBe(0);
  });
});
