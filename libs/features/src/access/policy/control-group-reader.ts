import { isOperation, OPERATIONS, type Operation } from './capability.js';
import { parseDurationSeconds } from './go-duration.js';
import { quoted } from './policy.errors.js';
import type { SourceValue } from './policy-source.js';
import type { SourceReader } from './source-reader.js';

const GROUP_KEYS = new Set(['ttl', 'self_auth_allowed', 'factor']);
const FACTOR_KEYS = new Set(['controlled_capabilities', 'identity']);
const IDENTITY_KEYS = new Set(['group_names', 'approvals']);

/**
 * The operations that a `control_group` holds back: the union of its factors' `controlled_capabilities`. Who may approve
 * is checked for form only; approvals are not this folder's business.
 */
export function readControlGroup(reader: SourceReader, value: SourceValue): readonly Operation[] {
  const controlled = new Set<Operation>();
  let factors = 0;
  for (const { key, value: field } of reader.fields(
    reader.object(value, 'control_group'),
    'control_group',
    GROUP_KEYS,
  )) {
    if (key === 'self_auth_allowed') reader.boolean(field, 'self_auth_allowed');
    if (key === 'ttl') readTtl(reader, field);
    if (key !== 'factor') continue;
    for (const group of reader.oneOrMany(field)) {
      for (const factor of reader.object(group, 'factor').entries) {
        factors++;
        for (const operation of readFactor(reader, factor.value)) controlled.add(operation);
      }
    }
  }
  if (factors === 0) reader.fail(value.at, 'control_group needs at least one factor.');
  return OPERATIONS.filter((operation) => controlled.has(operation));
}

function readTtl(reader: SourceReader, value: SourceValue): void {
  const raw = value.kind === 'number' ? value.value : reader.string(value, 'ttl');
  if (parseDurationSeconds(raw) === undefined) reader.fail(value.at, 'ttl of control_group is not a duration.');
}

function readFactor(reader: SourceReader, value: SourceValue): readonly Operation[] {
  let operations: readonly Operation[] = [];
  for (const { key, value: field } of reader.fields(reader.object(value, 'a factor'), 'a factor', FACTOR_KEYS)) {
    if (key === 'controlled_capabilities') operations = readOperations(reader, field);
    else readIdentity(reader, field);
  }
  return operations.length > 0 ? operations : reader.fail(value.at, 'a factor needs controlled_capabilities.');
}

function readOperations(reader: SourceReader, value: SourceValue): readonly Operation[] {
  return reader.list(value, 'controlled_capabilities').map((item) => {
    const name = reader.string(item, 'a controlled capability');
    return isOperation(name) ? name : reader.fail(item.at, `unknown controlled capability ${quoted(name)}.`);
  });
}

function readIdentity(reader: SourceReader, value: SourceValue): void {
  for (const { key, value: field } of reader.fields(reader.object(value, 'identity'), 'identity', IDENTITY_KEYS)) {
    if (key === 'group_names') reader.strings(field, 'group_names');
    else reader.count(field, 'approvals');
  }
}
