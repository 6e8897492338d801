import { shownKeys } from '@claviger/features/rules';
import { z } from 'zod';

/**
 * Where in the input a problem is, as `#/path/0/…` in a body and `query/name` elsewhere. Keys that the schema does not
 * name, or show (see {@link shownKeys}), are shown as `*`: what a caller wrote where a key belongs may be a secret.
 */
export function inputPointer(part: string, schema: z.ZodType, path: readonly PropertyKey[]): string {
  let at: z.ZodType | undefined = schema;
  let pointer = part === 'body' ? '#' : part;
  let words: ReadonlySet<string> | undefined;
  for (const key of path) {
    const holder: z.ZodType | undefined = at && unwrap(at);
    words ??= holder && shownKeys(holder);
    if (words) {
      pointer += typeof key === 'number' || words.has(String(key)) ? `/${String(key)}` : '/*';
      continue;
    }
    at = holder instanceof z.ZodArray ? (holder.element as z.ZodType) : memberOf(holder, key);
    pointer += at === undefined ? '/*' : `/${String(key)}`;
  }
  return pointer;
}

function memberOf(schema: z.ZodType | undefined, key: PropertyKey): z.ZodType | undefined {
  if (schema instanceof z.ZodDiscriminatedUnion)
    return (schema.options as readonly z.ZodType[]).map((option) => memberOf(option, key)).find(Boolean);
  if (!(schema instanceof z.ZodObject)) return undefined;
  const shape = schema.shape as Record<PropertyKey, z.ZodType>;
  return Object.hasOwn(shape, key) ? shape[key] : undefined;
}

/** The schema below everything that only changes whether and how it applies. */
function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault)
    return unwrap(schema.unwrap() as z.ZodType);
  return schema instanceof z.ZodPipe ? unwrap(schema.in as z.ZodType) : schema;
}
