import { arrayParameters, unnestSql, type ArrayColumn, type NamedStatement } from '@claviger/platform/database';
import type { AuditEntry } from './audit-entry.js';

const COLUMNS = [
  { name: 'day', type: 'date', value: (entry: AuditEntry) => entry.day },
  { name: 'id', type: 'uuid', value: (entry: AuditEntry) => entry.id },
  { name: 'store_id', type: 'uuid', value: (entry: AuditEntry) => entry.storeId },
  { name: 'at', type: 'timestamptz', value: (entry: AuditEntry) => entry.at },
  { name: 'actor_type', type: 'text', value: (entry: AuditEntry) => entry.actorType },
  { name: 'actor_id', type: 'text', value: (entry: AuditEntry) => entry.actorId },
  { name: 'actor_accessor', type: 'text', value: (entry: AuditEntry) => entry.actorAccessor },
  { name: 'actor_name', type: 'text', value: (entry: AuditEntry) => entry.actorName },
  { name: 'actor_root_id', type: 'text', value: (entry: AuditEntry) => entry.actorRootId },
  { name: 'action', type: 'text', value: (entry: AuditEntry) => entry.action },
  { name: 'outcome', type: 'text', value: (entry: AuditEntry) => entry.outcome },
  { name: 'resource_kind', type: 'text', value: (entry: AuditEntry) => entry.resourceKind },
  { name: 'resource_id', type: 'text', value: (entry: AuditEntry) => entry.resourceId },
  { name: 'resource_name', type: 'text', value: (entry: AuditEntry) => entry.resourceName },
  { name: 'request_id', type: 'text', value: (entry: AuditEntry) => entry.requestId },
  { name: 'remote_address', type: 'text', value: (entry: AuditEntry) => entry.remoteAddress },
  { name: 'details', type: 'jsonb', value: (entry: AuditEntry) => JSON.stringify(entry.details) },
  { name: 'digest', type: 'bytea', value: (entry: AuditEntry) => entry.digest },
  { name: 'mac', type: 'bytea', value: (entry: AuditEntry) => entry.mac },
  { name: 'mac_key_id', type: 'text', value: (entry: AuditEntry) => entry.macKeyId },
] as const satisfies readonly ArrayColumn<AuditEntry>[];

// Not a parameter: the database knows best which cluster it is, also after a restore under a running process.
const EPOCH = '(select system_identifier from pg_control_system())';
const TARGET = `audit_entry (${COLUMNS.map(({ name }) => name).join(', ')}, epoch)`;

/** One entry. */
export const INSERT_AUDIT_ENTRY: NamedStatement = {
  name: 'audit_entry_insert',
  text: `insert into ${TARGET} select ${COLUMNS.map(({ type }, i) => `$${i + 1}::${type}`).join(', ')}, ${EPOCH}`,
};

/** The parameters of {@link INSERT_AUDIT_ENTRY}. */
export function auditParameters(entry: AuditEntry): (string | null)[] {
  return COLUMNS.map(({ type, value }) => (type === 'bytea' ? `\\x${value(entry)}` : value(entry)));
}

/** Any number of entries. */
export const INSERT_AUDIT_ENTRIES: NamedStatement = {
  name: 'audit_entry_insert_many',
  text: `insert into ${TARGET} select ${unnestSql(COLUMNS)}, ${EPOCH}`,
};

/** The parameters of {@link INSERT_AUDIT_ENTRIES}. */
export function auditArrayParameters(entries: readonly AuditEntry[]): Buffer[] {
  return arrayParameters(COLUMNS, entries);
}

/** The columns of entries, for a hot statement that writes many things at once: `audit_day`, `audit_id` … */
export function auditColumns<Row>(entryOf: (row: Row) => AuditEntry): readonly ArrayColumn<Row>[] {
  return COLUMNS.map(({ name, type, value }) => ({
    name: `audit_${name}`,
    type,
    value: (row) => value(entryOf(row)),
  }));
}

/** The part of such a statement that inserts the entries: one for each row of `from`, which has {@link auditColumns}. */
export function insertAuditSql(from: string): string {
  return `insert into ${TARGET} select ${COLUMNS.map(({ name }) => `audit_${name}`).join(', ')}, ${EPOCH} from ${from}`;
}
