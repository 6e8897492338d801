import { isAppError } from '@claviger/kernel';
import {
  findInexactNumber,
  parseContent,
  type JsonObject,
  type JsonPointer,
  type JsonValue,
  type VaultCapabilities,
  type VaultContent,
} from '@claviger/vaults/contract';
import { isLosslessNumber } from 'lossless-json';
import { kvError } from './kv.errors.js';
import type { KvTask } from './kv.wire.js';

/** Keys and string values in one request: more are refused by OpenBao as shipped, `data`, `options` and `cas` included. */
const MAX_STRINGS = { kv1: 1000, kv2: 997 };

/**
 * The text of a content, once it is certain that the mount would take it and give it back equal.
 * @throws VaultError TOO_LARGE, or INVALID_VALUE naming the field: a number that a double cannot return exactly (KV v2
 * stores doubles), one that overflows a double (KV v1 refuses it), an empty object on KV v1
 */
export function acceptContent(
  task: KvTask,
  flavour: 'kv1' | 'kv2',
  card: VaultCapabilities,
  content: VaultContent,
): string {
  const text = content.reveal();
  const bytes = Buffer.byteLength(text);
  const limit = card.maxContentBytes;
  if (bytes > limit) {
    throw kvError(task, 'TOO_LARGE', `the content has ${bytes} bytes, and at most ${limit} are accepted`, {
      details: { bytes, limit },
    });
  }
  const parsed = parse(task, text, limit);
  const strings = countStrings(parsed);
  if (strings > MAX_STRINGS[flavour]) {
    const says = `the content has ${strings} keys and strings, and OpenBao takes at most ${MAX_STRINGS[flavour]} in one secret; split it`;
    throw kvError(task, 'TOO_LARGE', says, { details: { strings, limit: MAX_STRINGS[flavour] } });
  }
  const pointer = flavour === 'kv2' ? findInexactNumber(parsed) : findOverflow(parsed);
  if (pointer !== undefined) {
    const says = `the vault would not give the number at ${pointer} back as it is; store it as a string`;
    throw kvError(task, 'INVALID_VALUE', says, { details: { pointer } });
  }
  if (flavour === 'kv1' && Object.keys(parsed).length === 0) {
    throw kvError(task, 'INVALID_VALUE', 'KV version 1 stores no empty object', { details: { pointer: '' } });
  }
  return text;
}

function parse(task: KvTask, text: string, limit: number): JsonObject {
  try {
    return parseContent(text, limit);
  } catch (error) {
    if (!isAppError(error)) throw error;
    throw kvError(task, 'INVALID_VALUE', 'the content is not a JSON object that a vault can hold', {
      details: { ...error.details, pointer: '' },
    });
  }
}

function countStrings(value: JsonValue): number {
  if (typeof value === 'string') return 1;
  if (value === null || typeof value !== 'object' || isLosslessNumber(value)) return 0;
  const keys = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce((sum: number, member: JsonValue) => sum + countStrings(member), keys);
}

/** Where the first number stands that overflows a double: KV v1 keeps digits, but its server refuses these. */
function findOverflow(value: JsonValue, at: JsonPointer = ''): JsonPointer | undefined {
  if (isLosslessNumber(value)) return Number.isFinite(Number(value.value)) ? undefined : at;
  if (value === null || typeof value !== 'object') return undefined;
  for (const [key, member] of Object.entries(value as Record<string, JsonValue>)) {
    const found = findOverflow(member, `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
    if (found !== undefined) return found;
  }
  return undefined;
}
