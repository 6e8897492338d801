import { AppError } from '@claviger/kernel';
import { z } from 'zod';

/** One thing that is wrong with an input; the pointer is a URI fragment (RFC 6901, section 6 without the encoding). */
export type InputProblem = { readonly pointer: string; readonly message: string };

/**
 * What a schema has against a value, in words that never quote the value, nor the name of an unknown field: what stands
 * in the wrong place may be a secret.
 *
 * @param at JSON pointer of the value in the whole input, `''` for the input itself
 */
export function problemsOf(schema: z.ZodType, error: z.ZodError, at = ''): readonly InputProblem[] {
  return error.issues.map((issue) => ({
    pointer: `#${at}${issue.path.map((key) => `/${escapePointer(String(key))}`).join('')}`,
    message: issue.code === 'unrecognized_keys' ? unknownField(schema, issue.path.length === 0) : issue.message,
  }));
}

function unknownField(schema: z.ZodType, isTop: boolean): string {
  const known = isTop && schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  const list = known.length > 0 ? `; known are ${known.join(', ')}` : '';
  return `there is a field that is not known${list}`;
}

function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** All that is wrong with an input, in one error. */
export function inputInvalid(errors: readonly InputProblem[]): AppError {
  return new AppError({
    code: 'INPUT_INVALID',
    kind: 'invalid',
    message: `The request is wrong. ${errors.map(({ pointer, message }) => `${pointer}: ${message}`).join('; ')}.`,
    details: { errors },
  });
}

/** Parses an input, or the part of it that `at` points to. @throws AppError INPUT_INVALID with `details.errors` */
export function parseInput<S extends z.ZodType>(schema: S, input: unknown, at = ''): z.output<S> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw inputInvalid(problemsOf(schema, parsed.error, at));
}
