import { z } from 'zod';
import { ContentProblem } from '../content.errors.js';
import type { TypeFacts } from '../content-facts.js';

/** What a closer look at a content brought to light. Warnings are sentences about what is odd yet allowed. */
export type Inspection = { readonly facts: TypeFacts; readonly warnings?: readonly string[] };

/** One secret type: the shape of its content, and what is checked and found out beyond the shape. */
export type ContentDefinition = {
  readonly schema: z.ZodType;
  /** @throws ContentProblem */
  inspect(content: unknown): Promise<Inspection>;
};

/** Joins a shape to the inspection of what has that shape. */
export function defineContent<T>(
  schema: z.ZodType<T>,
  inspect: (content: T) => Inspection | Promise<Inspection>,
): ContentDefinition {
  return {
    schema,
    async inspect(content) {
      const parsed = schema.safeParse(content);
      if (parsed.success) return inspect(parsed.data);
      const { path, message } = parsed.error.issues[0]!;
      throw new ContentProblem(path.length === 0 ? undefined : String(path[0]), message);
    },
  };
}

/** An object with these fields and no others. A field too many is not named: its name may be a misplaced value. */
export function fields<S extends z.ZodRawShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  return z.strictObject(shape, {
    error: ({ code }) =>
      code === 'unrecognized_keys'
        ? `has a field too many; the fields of the type are ${Object.keys(shape).join(', ')}`
        : undefined,
  });
}

/** A field that holds text, and any text but none. Messages are clauses that follow the field's name. */
export const text = z
  .string({ error: ({ input }) => (input === undefined ? 'is missing' : 'must be a string') })
  .min(1, 'must not be empty');
