import { z } from 'zod';
import { cursorInvalid } from './http.errors.js';

/** Query parameters of every list. */
export const pageQuery = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(200)
    .default(50)
    .meta({ description: 'At most this many, 1 to 200.', example: 50 }),
  cursor: z.string().max(1_000).optional().meta({ description: 'The `nextCursor` of the page before. Opaque.' }),
};

/** The answer of every list; its example is a page of that of the item. */
export function pageOf<T extends z.ZodType>(
  item: T,
): z.ZodObject<{ items: z.ZodArray<T>; nextCursor: z.ZodNullable<z.ZodString> }> {
  const example = { items: [item.meta()?.['example']], nextCursor: null };
  return z
    .object({
      items: z.array(item),
      nextCursor: z
        .string()
        .nullable()
        .meta({ description: 'Pass it as `cursor` for the next page; null on the last one.' }),
    })
    .meta({ example });
}

export type Page<T> = { readonly items: readonly T[]; readonly nextCursor: string | null };

/** Makes a page of at most `limit` items from a query that asked for one more. */
export function toPage<T>(rows: readonly T[], limit: number, position: (last: T) => unknown): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return { items, nextCursor: hasMore ? toCursor(position(last)) : null };
}

/** A position as the cursor of what follows it. */
export function toCursor(position: unknown): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** PostgreSQL takes no NUL in a text. */
function refuseNul(_key: string, value: unknown): unknown {
  if (typeof value === 'string' && value.includes('\0')) throw new TypeError('A NUL character.');
  return value;
}

/** Reads a cursor back. @throws AppError CURSOR_INVALID */
export function fromCursor<T>(cursor: string | undefined, schema: z.ZodType<T>): T | undefined {
  if (cursor === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'), refuseNul));
  } catch {
    throw cursorInvalid();
  }
}
