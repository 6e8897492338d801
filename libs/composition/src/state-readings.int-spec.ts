import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { STATE_READINGS } from './metrics.module.js';

const STORE = '01990000-0000-7000-8000-000000000000';
const ID = '01990000-0000-7000-8000-000000000001';

/** Something of everything that is read, old enough to be told. */
const FILL = [
  `set session_replication_role = replica`,
  `insert into store (id, name) values ('${STORE}', 'filled') on conflict do nothing`,
  `insert into change (store_id, id, kind, state, requested_by, parameters)
     values ('${STORE}', '${ID}', 'secret.delete', 'executing', '{}', '{"retain": false}')`,
  `insert into delete_fuse (store_id, lifted_until, lifted_by, reason) values ('${STORE}', now() + interval '1 hour', '{}', '')`,
  `insert into event (store_id, id, type, created_at) values ('${STORE}', '${ID}', 'secret.updated', now() - interval '1 hour')`,
  `insert into notification_subscription (store_id, id, kind, name, description, event_types, failing_since)
     values ('${STORE}', '${ID}', 'webhook', 'one', '', '{*}', now())`,
  `insert into notification_delivery
     (store_id, id, subscription_id, event_id, type, facts, occurred_at, next_attempt_at, created_at)
     values ('${STORE}', '${ID}', '${ID}', '${ID}', 'secret.updated', '{}', now(), now() - interval '1 hour', now())`,
  `insert into process_heartbeat (id, kind, version) values ('${ID}', 'worker', '1')`,
  `insert into audit_batch (day, id, store_id, epoch, entries, digest, mac, mac_key_id)
     select current_date, ('01990000-0000-7000-8000-000000000002')::uuid, '${STORE}', system_identifier, '',
       decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), '' from pg_control_system()`,
];

describe('what is read from the database for monitoring', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  const read = async (name: string): Promise<Record<string, unknown>[]> => {
    const { sql } = STATE_READINGS.find(({ gauge }) => 'name' in gauge && gauge.name === name)!;
    return (await database.database.pool.query<Record<string, unknown>>(sql)).rows;
  };
  const names = STATE_READINGS.map(({ gauge }) => (gauge as unknown as { name: string }).name);

  it.each(names)('%s has the columns of its labels and is a number, in an empty database too', async (name) => {
    const { gauge } = STATE_READINGS.find((reading) => (reading.gauge as unknown as { name: string }).name === name)!;
    const labels = [...(gauge as unknown as { declarations(): Map<string, unknown> }).declarations().keys()].sort();
    for (const { value, ...columns } of await read(name)) {
      expect(Number(value)).not.toBeNaN();
      expect(Object.keys(columns).sort()).toEqual(labels);
    }
  });

  it('tells what is waiting, failing, lifted and alive', async () => {
    const client = await database.database.pool.connect();
    try {
      for (const sql of FILL) await client.query(sql);
      await client.query('set session_replication_role = default');
    } finally {
      client.release();
    }
    const value = async (name: string, labels: object = {}): Promise<number> =>
      Number((await read(name)).find((row) => expect.objectContaining(labels).asymmetricMatch(row))?.['value']);
    expect(await value('claviger_changes_open', { state: 'executing' })).toBe(1);
    expect(await value('claviger_changes_open', { state: 'failed' })).toBe(0);
    expect(await value('claviger_deletions_recent')).toBe(1);
    expect(await value('claviger_delete_fuses_lifted')).toBe(1);
    expect(await value('claviger_outbox_age_seconds')).toBeGreaterThan(3_590);
    expect(await value('claviger_subscriptions_failing', { kind: 'webhook' })).toBe(1);
    expect(await value('claviger_subscriptions_failing', { kind: 'mail' })).toBe(0);
    expect(await value('claviger_deliveries_overdue')).toBe(1);
    expect(await value('claviger_processes', { process: 'worker' })).toBe(1);
    expect(await value('claviger_audit_unsealed_seconds')).toBeGreaterThan(3_600);
  });
});
