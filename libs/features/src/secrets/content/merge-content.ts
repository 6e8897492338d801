import {
  isJsonObject,
  sameContent,
  type JsonObject,
  type JsonPointer,
  type JsonValue,
} from '@claviger/vaults/contract';

/**
 * The content after a JSON merge patch (RFC 7396): members of the patch replace those of the content, null removes one,
 * objects are merged, and anything else, arrays too, replaces the whole. Neither is changed. Numbers keep their text.
 */
export function mergeContent(content: JsonObject, patch: JsonObject): JsonObject {
  const merged = Object.assign(Object.create(null) as Record<string, JsonValue>, content);
  for (const [key, value] of Object.entries(patch)) {
    const old = merged[key];
    if (value === null) delete merged[key];
    else if (isJsonObject(value))
      merged[key] = mergeContent(isJsonObject(old ?? null) ? (old as JsonObject) : {}, value);
    else merged[key] = value;
  }
  return merged;
}

/** Which fields differ between two contents, as JSON pointers in their order; values are not told. */
export type ContentDiff = {
  readonly added: readonly JsonPointer[];
  readonly removed: readonly JsonPointer[];
  readonly changed: readonly JsonPointer[];
};

/** Compares field by field: objects inside each other are entered, arrays compared as a whole. */
export function diffContents(from: JsonObject, to: JsonObject): ContentDiff {
  const diff = { added: [] as JsonPointer[], removed: [] as JsonPointer[], changed: [] as JsonPointer[] };
  collect(from, to, '', diff);
  return { added: diff.added.sort(), removed: diff.removed.sort(), changed: diff.changed.sort() };
}

type Collected = { readonly added: JsonPointer[]; readonly removed: JsonPointer[]; readonly changed: JsonPointer[] };

function collect(from: JsonObject, to: JsonObject, at: JsonPointer, diff: Collected): void {
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const pointer = `${at}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const [old, now] = [from[key], to[key]];
    if (old === undefined) diff.added.push(pointer);
    else if (now === undefined) diff.removed.push(pointer);
    else if (isJsonObject(old) && isJsonObject(now)) collect(old, now, pointer, diff);
    else if (!sameContent(old, now)) diff.changed.push(pointer);
  }
}
