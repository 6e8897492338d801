import { z } from 'zod';
import { CAPABILITIES, capabilityMask, isCapability, withoutDenied, type Capability } from './capability.js';
import { readControlGroup } from './control-group-reader.js';
import { parseDurationSeconds } from './go-duration.js';
import { parseListFilter } from './list-filter.js';
import { NO_RULES, type ParameterRules, type ParameterValue } from './parameter-conditions.js';
import type { PolicyStanza } from './parsed-policy.js';
import { parsePathPattern } from './path-pattern.js';
import { parsePathTemplate, type PathTemplate } from './path-template.js';
import { quoted } from './policy.errors.js';
import type { SourceEntry, SourceValue } from './policy-source.js';
import type { SourceReader } from './source-reader.js';

/** What the deprecated key `policy` stands for; an empty text stands for nothing. */
const OLD_POLICIES: Readonly<Record<string, readonly Capability[]>> = {
  '': [],
  deny: ['deny'],
  read: ['read', 'list'],
  write: ['create', 'read', 'update', 'delete', 'list'],
  sudo: ['create', 'read', 'update', 'delete', 'list', 'sudo'],
};

const KEYS = new Set([
  'capabilities',
  'policy',
  'allowed_parameters',
  'denied_parameters',
  'required_parameters',
  'min_wrapping_ttl',
  'max_wrapping_ttl',
  'pagination_limit',
  'list_scan_response_keys_filter_path',
  'expiration',
  'control_group',
  'mfa_methods',
  'comment',
]);

/** Reads one `"<pattern>": { … }`. @throws AppError `POLICY_INVALID` at the place of the first problem. */
export function readStanza(reader: SourceReader, { key: pattern, at, value }: SourceEntry): PolicyStanza {
  const what = `path ${quoted(pattern)}`;
  const fields = new Map(
    reader.fields(reader.object(value, what), what, KEYS).map((entry) => [entry.key, entry] as const),
  );
  const read = <T>(key: string, parse: (value: SourceValue) => T, absent: T): T => {
    const field = fields.get(key);
    return field ? parse(field.value) : absent;
  };
  const seconds = (key: string): number => read(key, (field) => readSeconds(reader, field, key), 0);
  const minWrappingTtlSeconds = seconds('min_wrapping_ttl');
  const maxWrappingTtlSeconds = seconds('max_wrapping_ttl');
  if (maxWrappingTtlSeconds > 0 && maxWrappingTtlSeconds < minWrappingTtlSeconds) {
    reader.fail(fields.get('max_wrapping_ttl')!.at, 'max_wrapping_ttl is less than min_wrapping_ttl.');
  }
  // Known to OpenBao and without effect there; refused when malformed, else without effect here.
  read('mfa_methods', (field) => void reader.strings(field, 'mfa_methods'), undefined);
  read('comment', (field) => void reader.string(field, 'comment'), undefined);
  const mask =
    read('capabilities', (field) => readCapabilities(reader, field), 0) |
    read('policy', (field) => readOldPolicy(reader, field), 0);
  const listFilter = fields.get('list_scan_response_keys_filter_path');
  const expiresAt = read('expiration', (field) => readTime(reader, field), undefined);
  return {
    pattern,
    template: readPattern(reader, pattern, at),
    mask: withoutDenied(mask),
    conditions: {
      allowed: read('allowed_parameters', (field) => readRules(reader, field, 'allowed_parameters'), NO_RULES),
      denied: read('denied_parameters', (field) => readRules(reader, field, 'denied_parameters'), NO_RULES),
      required: read('required_parameters', (field) => readRequired(reader, field), []),
    },
    minWrappingTtlSeconds,
    maxWrappingTtlSeconds,
    paginationLimit: read('pagination_limit', (field) => reader.count(field, 'pagination_limit'), 0),
    listFilters: listFilter ? [readListFilter(reader, listFilter, withoutDenied(mask))] : [],
    controlled: read('control_group', (field) => readControlGroup(reader, field), []),
    ...(expiresAt && { expiresAt }),
  };
}

function readPattern(reader: SourceReader, pattern: string, at: number): PathTemplate {
  const template = parsePathTemplate(pattern);
  if (!template) reader.fail(at, `"{{" and "}}" do not pair in path ${quoted(pattern)}.`);
  // A substituted value never holds a wildcard, so that any word shows the shape of the pattern.
  const shape = template.map((part) => (typeof part === 'string' ? part : 'x')).join('');
  const parsed = parsePathPattern(shape);
  if ('problem' in parsed) reader.fail(at, `${parsed.problem}, in path ${quoted(pattern)}.`);
  return template;
}

function readCapabilities(reader: SourceReader, value: SourceValue): number {
  const names = reader.list(value, 'capabilities').map((item) => {
    const name = reader.string(item, 'a capability');
    if (isCapability(name)) return name;
    return reader.fail(item.at, `unknown capability ${quoted(name)}; known are ${CAPABILITIES.join(', ')}.`);
  });
  return capabilityMask(names);
}

function readOldPolicy(reader: SourceReader, value: SourceValue): number {
  const name = reader.string(value, 'policy');
  if (!Object.hasOwn(OLD_POLICIES, name)) {
    reader.fail(value.at, `unknown policy ${quoted(name)}; known are deny, read, write, sudo.`);
  }
  return capabilityMask(OLD_POLICIES[name]!);
}

function readRules(reader: SourceReader, value: SourceValue, what: string): ParameterRules {
  const rules = new Map<string, readonly ParameterValue[]>();
  for (const { key, at, value: values } of reader.object(value, what).entries) {
    const name = key.toLowerCase();
    if (rules.has(name)) reader.fail(at, `parameter ${quoted(key)} is given twice in ${what} (case does not count).`);
    rules.set(
      name,
      reader.list(values, `${what} ${quoted(key)}`).map((item) => readParameterValue(reader, item, what)),
    );
  }
  return rules;
}

/**
 * Strings and booleans only. In OpenBao a number never equals a request's number, nor a list a list, so that such a
 * condition would refuse everything or, worse, deny nothing.
 */
function readParameterValue(reader: SourceReader, value: SourceValue, what: string): ParameterValue {
  if (value.kind === 'string' || value.kind === 'boolean') return value.value;
  return reader.fail(value.at, `a value in ${what} must be a string, true or false; others never match.`);
}

function readRequired(reader: SourceReader, value: SourceValue): readonly string[] {
  return reader.strings(value, 'required_parameters').map((name) => name.toLowerCase());
}

function readSeconds(reader: SourceReader, value: SourceValue, what: string): number {
  const raw = value.kind === 'number' ? value.value : reader.string(value, what);
  const seconds = parseDurationSeconds(raw);
  return seconds ?? reader.fail(value.at, `${what} is not a duration; write seconds, "90s", "1h30m" or "30d".`);
}

const RFC_3339 = z.iso.datetime({ offset: true });

/** RFC 3339, or seconds since 1970 as a number or digits; an empty text sets nothing. */
function readTime(reader: SourceReader, value: SourceValue): Date | undefined {
  const raw = value.kind === 'number' ? String(value.value) : reader.string(value, 'expiration');
  if (raw === '') return undefined;
  if (/^\d{1,11}$/.test(raw)) return new Date(Number(raw) * 1000);
  if (!RFC_3339.safeParse(raw).success) {
    reader.fail(value.at, 'expiration is not a time; write it like "2030-01-31T12:00:00Z".');
  }
  return new Date(raw);
}

function readListFilter(
  reader: SourceReader,
  { value, at }: SourceEntry,
  mask: number,
): PolicyStanza['listFilters'][0] {
  const what = 'list_scan_response_keys_filter_path';
  const filter = parseListFilter(reader.string(value, what));
  if ('problem' in filter) reader.fail(value.at, `${what}: ${filter.problem}.`);
  const isDenied = mask === capabilityMask(['deny']);
  if (!isDenied && !(mask & capabilityMask(['list']))) reader.fail(at, `${what} needs the capability "list".`);
  return filter;
}
