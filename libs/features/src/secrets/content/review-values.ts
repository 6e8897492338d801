import {
  isJsonObject,
  sameContent,
  stringifyContent,
  type JsonObject,
  type JsonValue,
} from '@claviger/vaults/contract';
import { lengthClass } from './content-facts.js';
import { entropyClass, type EntropyClass } from './entropy-class.js';

/** What somebody may know of a field who may not see its value. */
export type ReviewedValue = {
  /** JSON pointer. */
  readonly field: string;
  readonly change: 'added' | 'removed' | 'changed' | 'same';
  /** A class of lengths in characters; null for what is removed, and for what is empty. */
  readonly length: string | null;
  readonly entropy: EntropyClass | null;
};

/** Most fields that are told. */
const MAX_FIELDS = 200;

/** Compares contents field by field; objects inside each other are entered. Classes only, and none of what was there before. */
export function reviewValues(before: JsonObject, after: JsonObject): ReviewedValue[] {
  const [old, now] = [leaves(before), leaves(after)];
  return [...new Set([...old.keys(), ...now.keys()])]
    .sort()
    .slice(0, MAX_FIELDS)
    .map((field) => {
      const value = now.get(field);
      if (value === undefined) return { field, change: 'removed', length: null, entropy: null };
      const was = old.get(field);
      const change = was === undefined ? 'added' : sameContent(was, value) ? 'same' : 'changed';
      const text = typeof value === 'string' ? value : stringifyContent({ '': value }).slice('{"":'.length, -1);
      return { field, change, length: text === '' ? null : lengthClass(text), entropy: entropyClass(text) };
    });
}

function leaves(content: JsonObject, at = '', found = new Map<string, JsonValue>()): Map<string, JsonValue> {
  for (const [key, value] of Object.entries(content)) {
    const pointer = `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (isJsonObject(value) && Object.keys(value).length > 0) leaves(value, pointer, found);
    else found.set(pointer, value);
  }
  return found;
}
