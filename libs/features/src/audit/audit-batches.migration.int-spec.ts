import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId, systemClock } from '@claviger/kernel';
import type { Keyring } from '@claviger/platform/crypto';
import { migrate } from '@claviger/platform/database';
import { createTestDatabase, testContext, testKeyring, type TestDatabase } from '@claviger/testing';
import fc from 'fast-check';
import { readAuditChain } from './audit-chain.js';
import { auditMac } from './audit-batch.js';
import { entryText, makeAuditEntry, parseEntryText, type AuditEntryFields } from './audit-entry.js';
import type { AuditDetails } from './audit-event.js';
import { keysOfStore } from './audit-keys.js';
import { verifyAudit } from './audit-verifier.js';
import { AUDIT_ENTITIES } from './audit.entities.js';

/** An entry as it was stored before batches: a row with a column for each field. */
const INSERT = `insert into audit_entry (day, id, store_id, at, epoch, actor_type, actor_id, actor_accessor, actor_name,
    actor_root_id, action, outcome, resource_kind, resource_id, resource_name, request_id, remote_address, details, digest,
    mac, mac_key_id)
  select $1, $2, $3, $4, (select system_identifier from pg_control_system()), $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
    $15, $16, $17, decode($18, 'hex'), decode($19, 'hex'), $20`;

describe('the migration to batches', () => {
  let test: TestDatabase;
  let keyring: Keyring;
  beforeAll(async () => {
    test = await createTestDatabase(AUDIT_ENTITIES);
    keyring = await testKeyring(test.database);
    // Back to the time before: what the later migrations made is taken away, and the earlier ones run again.
    await test.database.pool.query(`
      drop table audit_export; drop function audit_days; drop function audit_drop_day; drop function audit_words;
      drop view audit_entry; drop table audit_batch; drop table audit_seal;
      drop function audit_make_partitions; drop function audit_epoch; drop function audit_refuse_change;
      delete from migration where name like 'Audit%'`);
    const earlier = test.dataSource.migrations.splice(
      test.dataSource.migrations.findIndex(({ name }) => name?.startsWith('AuditBatches')),
    );
    await test.dataSource.runMigrations({ transaction: 'each' });
    test.dataSource.migrations.push(...earlier);
  });
  afterAll(() => test.drop());

  const store = async (fields: AuditEntryFields): Promise<void> => {
    const digest = createHash('sha256').update(entryText(fields)).digest('hex');
    const { details, storeId, macKeyId, ...columns } = fields;
    const { day, id, at, ...texts } = columns;
    await test.database.pool.query(
      INSERT,
      [
        [day, id, storeId, at],
        Object.values(texts),
        JSON.stringify(details),
        digest,
        auditMac(keyring.mac(storeId, 'audit'), digest),
        macKeyId,
      ].flat(),
    );
  };

  it('keeps every entry to the letter, with its digest and MAC, on its day', async () => {
    const { storeId, ...ctx } = { ...testContext(), storeId: keyring.rootStoreId };
    const key = keyring.mac(storeId, 'audit').keyId;
    const text = fc.string({ unit: 'binary', maxLength: 20 });
    const scalar = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.constant(1.5));
    // Names of details are Claviger's own.
    const details = fc.dictionary(fc.string({ maxLength: 20 }), scalar, { maxKeys: 5 });
    const samples = fc.sample(fc.record({ name: text, id: fc.option(text), details }), { numRuns: 200, seed: 3 });
    const stored: AuditEntryFields[] = [];
    for (const [i, sample] of samples.entries()) {
      const resource = { kind: 'secret', name: sample.name, ...(sample.id !== null && { id: sample.id }) };
      const event = {
        action: 'secret.read',
        outcome: 'allowed',
        resource,
        details: sample.details as AuditDetails,
      } as const;
      const at = new Date(Date.now() - i * 3_600_000);
      const by = { ...ctx, storeId, requestId: newId() };
      const fields = parseEntryText(makeAuditEntry(by, event, at, key).text)!;
      await store(fields);
      stored.push(fields);
    }
    // That one, and those of the same name after it.
    expect(await migrate(test.dataSource)).toBe(2);
    const report = await verifyAudit({
      records: readAuditChain({ database: test.database, keyring, clock: systemClock }, storeId),
      keys: keysOfStore(keyring, storeId),
    });
    expect(report).toMatchObject({ isIntact: true, areMacsChecked: true, tail: { count: stored.length } });
    const { rows } = await test.database.pool.query<{ entries: string }>('select entries from audit_batch');
    expect(rows.map(({ entries }) => entries).sort()).toEqual(stored.map(entryText).sort());
  });
});
