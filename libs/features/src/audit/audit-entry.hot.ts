import type { NamedStatement } from '@claviger/platform/database';
import type { AuditEntry } from './audit-entry.js';

type Column = {
  readonly name: string;
  readonly type: string;
  readonly value: (entry: AuditEntry) => string | null;
  /** From the parameter's SQL to the column's value, where they differ. */
  readonly from?: (parameter: string) => string;
  /** True when the text may hold characters that mean something in an array literal. */
  readonly isQuoted: boolean;
};

const plain = (name: string, type: string, value: Column['value']): Column => ({ name, type, value, isQuoted: false });
const text = (name: string, value: Column['value']): Column => ({ name, type: 'text', value, isQuoted: true });
const hex = (name: string, value: Column['value']): Column => ({
  ...plain(name, 'text', value),
  from: (parameter) => `decode(${parameter}, 'hex')`,
});

const COLUMNS: readonly Column[] = [
  plain('day', 'date', (entry) => entry.day),
  plain('id', 'uuid', (entry) => entry.id),
  plain('store_id', 'uuid', (entry) => entry.storeId),
  plain('at', 'timestamptz', (entry) => entry.at),
  text('actor_type', (entry) => entry.actorType),
  text('actor_id', (entry) => entry.actorId),
  text('actor_accessor', (entry) => entry.actorAccessor),
  text('actor_name', (entry) => entry.actorName),
  text('actor_root_id', (entry) => entry.actorRootId),
  text('action', (entry) => entry.action),
  text('outcome', (entry) => entry.outcome),
  text('resource_kind', (entry) => entry.resourceKind),
  text('resource_id', (entry) => entry.resourceId),
  text('resource_name', (entry) => entry.resourceName),
  text('request_id', (entry) => entry.requestId),
  text('remote_address', (entry) => entry.remoteAddress),
  { ...text('details', (entry) => JSON.stringify(entry.details)), type: 'jsonb' },
  hex('digest', (entry) => entry.digest),
  hex('mac', (entry) => entry.mac),
  text('mac_key_id', (entry) => entry.macKeyId),
];

/** How many parameters {@link auditInsertSql} takes. */
export const AUDIT_PARAMETER_COUNT = COLUMNS.length;

// Not a parameter: the database knows best which cluster it is, also after a restore under a running process.
const EPOCH = '(select system_identifier from pg_control_system())';
const TARGET = `audit_entry (${COLUMNS.map(({ name }) => name).join(', ')}, epoch)`;

/**
 * `insert into audit_entry …` of one entry, for a hot statement to carry as a data-modifying CTE.
 *
 * @param first number of the first of {@link AUDIT_PARAMETER_COUNT} parameters, which {@link auditParameters} gives
 * @param from FROM clause that decides whether there is an entry: one for each of its rows (so it must give at most one)
 */
export function auditInsertSql(first: number, from?: string): string {
  const values = COLUMNS.map(({ type, from: convert }, i) => {
    const parameter = `$${first + i}::${type}`;
    return convert ? convert(parameter) : parameter;
  });
  return `insert into ${TARGET} select ${values.join(', ')}, ${EPOCH}${from ? ` from ${from}` : ''}`;
}

/** The values of one entry's parameters, in the order of {@link auditInsertSql}. */
export function auditParameters(entry: AuditEntry): (string | null)[] {
  return COLUMNS.map(({ value }) => value(entry));
}

/** One entry. */
export const INSERT_AUDIT_ENTRY: NamedStatement = { name: 'audit_entry_insert', text: auditInsertSql(1) };

/** Any number of entries, as one array for each column. */
export const INSERT_AUDIT_ENTRIES: NamedStatement = {
  name: 'audit_entry_insert_many',
  text: `insert into ${TARGET}
    select ${COLUMNS.map(({ name, from }) => (from ? from(`e.${name}`) : `e.${name}`)).join(', ')}, ${EPOCH}
    from unnest(${COLUMNS.map(({ type }, i) => `$${i + 1}::${type}[]`).join(', ')})
      as e (${COLUMNS.map(({ name }) => name).join(', ')})`,
};

/** The parameters of {@link INSERT_AUDIT_ENTRIES}: array literals, written here because pg's own writer is slower. */
export function auditArrayParameters(entries: readonly AuditEntry[]): string[] {
  return COLUMNS.map((column) => arrayLiteral(column, entries));
}

function arrayLiteral({ value, isQuoted }: Column, entries: readonly AuditEntry[]): string {
  let literal = '{';
  for (const entry of entries) {
    if (literal.length > 1) literal += ',';
    const element = value(entry);
    if (element === null) literal += 'NULL';
    else literal += isQuoted ? quoted(element) : element;
  }
  return `${literal}}`;
}

const MEANS_SOMETHING = /["\\]/;

function quoted(element: string): string {
  return `"${MEANS_SOMETHING.test(element) ? element.replace(/["\\]/g, '\\$&') : element}"`;
}
