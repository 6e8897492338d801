import type { NamedStatement } from '@claviger/platform/database';
import type { AuditEntry } from './audit-entry.js';
import { binaryArray, type ArrayElementType } from './binary-array.js';

type Column = {
  readonly name: string;
  readonly type: ArrayElementType;
  /** In the text form of {@link binaryArray}. */
  readonly value: (entry: AuditEntry) => string | null;
};

const COLUMNS: readonly Column[] = [
  { name: 'day', type: 'date', value: (entry) => entry.day },
  { name: 'id', type: 'uuid', value: (entry) => entry.id },
  { name: 'store_id', type: 'uuid', value: (entry) => entry.storeId },
  { name: 'at', type: 'timestamptz', value: (entry) => entry.at },
  { name: 'actor_type', type: 'text', value: (entry) => entry.actorType },
  { name: 'actor_id', type: 'text', value: (entry) => entry.actorId },
  { name: 'actor_accessor', type: 'text', value: (entry) => entry.actorAccessor },
  { name: 'actor_name', type: 'text', value: (entry) => entry.actorName },
  { name: 'actor_root_id', type: 'text', value: (entry) => entry.actorRootId },
  { name: 'action', type: 'text', value: (entry) => entry.action },
  { name: 'outcome', type: 'text', value: (entry) => entry.outcome },
  { name: 'resource_kind', type: 'text', value: (entry) => entry.resourceKind },
  { name: 'resource_id', type: 'text', value: (entry) => entry.resourceId },
  { name: 'resource_name', type: 'text', value: (entry) => entry.resourceName },
  { name: 'request_id', type: 'text', value: (entry) => entry.requestId },
  { name: 'remote_address', type: 'text', value: (entry) => entry.remoteAddress },
  { name: 'details', type: 'jsonb', value: (entry) => JSON.stringify(entry.details) },
  { name: 'digest', type: 'bytea', value: (entry) => entry.digest },
  { name: 'mac', type: 'bytea', value: (entry) => entry.mac },
  { name: 'mac_key_id', type: 'text', value: (entry) => entry.macKeyId },
];

// Not a parameter: the database knows best which cluster it is, also after a restore under a running process.
const EPOCH = '(select system_identifier from pg_control_system())';
const TARGET = `audit_entry (${COLUMNS.map(({ name }) => name).join(', ')}, epoch)`;

/**
 * `insert into audit_entry …` of one entry, for a hot statement to carry as a data-modifying CTE.
 *
 * @param first number of the first of its parameters, which must be the last of the statement: {@link auditParameters}
 * @param from FROM clause that decides whether there is an entry: one for each of its rows (so it must give at most one)
 */
export function auditInsertSql(first: number, from?: string): string {
  const values = COLUMNS.map(({ type }, i) => `$${first + i}::${type}`);
  return `insert into ${TARGET} select ${values.join(', ')}, ${EPOCH}${from ? ` from ${from}` : ''}`;
}

/** The values of one entry's parameters, in the order of {@link auditInsertSql}. */
export function auditParameters(entry: AuditEntry): (string | null)[] {
  return COLUMNS.map(({ type, value }) => (type === 'bytea' ? `\\x${value(entry)}` : value(entry)));
}

/** One entry. */
export const INSERT_AUDIT_ENTRY: NamedStatement = { name: 'audit_entry_insert', text: auditInsertSql(1) };

/**
 * Any number of entries, as one array for each column. Set-returning functions of a select list advance together, row
 * by row; in the FROM clause each array would fill a temporary table of its own first.
 */
export const INSERT_AUDIT_ENTRIES: NamedStatement = {
  name: 'audit_entry_insert_many',
  text: `insert into ${TARGET} select ${COLUMNS.map(({ type }, i) => `unnest($${i + 1}::${type}[])`).join(', ')}, ${EPOCH}`,
};

/** The parameters of {@link INSERT_AUDIT_ENTRIES}. */
export function auditArrayParameters(entries: readonly AuditEntry[]): Buffer[] {
  return COLUMNS.map(({ type, value }) => binaryArray(type, entries.map(value)));
}
