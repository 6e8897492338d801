import type { ArrayColumn, NamedStatement } from '@claviger/platform/database';
import type { AuditBatch } from './audit-batch.js';

const COLUMNS = [
  { name: 'day', type: 'date', value: (batch: AuditBatch) => batch.day },
  { name: 'id', type: 'uuid', value: (batch: AuditBatch) => batch.id },
  { name: 'store_id', type: 'uuid', value: (batch: AuditBatch) => batch.storeId },
  { name: 'entries', type: 'text', value: (batch: AuditBatch) => batch.entries },
  { name: 'digest', type: 'bytea', value: (batch: AuditBatch) => batch.digest },
  { name: 'mac', type: 'bytea', value: (batch: AuditBatch) => batch.mac },
  { name: 'mac_key_id', type: 'text', value: (batch: AuditBatch) => batch.macKeyId },
] as const satisfies readonly ArrayColumn<AuditBatch>[];

// Not a parameter: the database knows best which cluster it is, also after a restore under a running process.
const TARGET = `audit_batch (${COLUMNS.map(({ name }) => name).join(', ')}, epoch)`;

/** The part of a statement that inserts a batch, if the condition holds. Its parameters begin at number `first`. */
export function insertBatchSql(first: number, condition = 'true'): string {
  const values = COLUMNS.map(({ type }, i) => `$${first + i}::${type}`).join(', ');
  return `insert into ${TARGET} select ${values}, audit_epoch() where ${condition}`;
}

/** The parameters of {@link insertBatchSql}. */
export function batchParameters(batch: AuditBatch): string[] {
  return COLUMNS.map(({ type, value }) => (type === 'bytea' ? `\\x${value(batch)}` : value(batch)));
}

/** One batch. */
export const INSERT_AUDIT_BATCH: NamedStatement = { name: 'audit_batch_insert', text: insertBatchSql(1) };
