import { AppError } from '@claviger/kernel';

/** A place in a text: both counted from 1, columns in UTF-16 code units, as editors count them. */
export type TextPosition = { readonly line: number; readonly column: number };

/** The line and column of an offset; `\n`, `\r\n` and `\r` each end one line. */
export function positionAt(text: string, offset: number): TextPosition {
  let line = 1;
  let lineStart = 0;
  for (let index = 0; index < offset && index < text.length; index++) {
    const code = text.charCodeAt(index);
    const endsLine = code === 10 || (code === 13 && text.charCodeAt(index + 1) !== 10);
    if (!endsLine) continue;
    line++;
    lineStart = index + 1;
  }
  return { line, column: offset - lineStart + 1 };
}

/**
 * A policy text that cannot be understood: `POLICY_INVALID`, with `line` and `column` in the details and in the message.
 * `problem` says what is wrong and what would be right; it may quote keys, patterns and capabilities (via
 * {@link quoted}), never the values of parameter lists.
 */
export function policyInvalid(text: string, offset: number, problem: string): AppError {
  const { line, column } = positionAt(text, offset);
  return new AppError({
    code: 'POLICY_INVALID',
    kind: 'invalid',
    message: `The policy is not valid at line ${line}, column ${column}: ${problem}`,
    details: { line, column, problem },
  });
}

/** A policy that is refused as a whole, before any place in it can be named. */
export function policyRefused(problem: string): AppError {
  return new AppError({ code: 'POLICY_INVALID', kind: 'invalid', message: `The policy is not valid: ${problem}` });
}

const LONGEST_QUOTE = 80;

/** A word of the policy, quoted and cut to a length that fits into a sentence. */
export function quoted(word: string): string {
  return JSON.stringify(word.length > LONGEST_QUOTE ? `${word.slice(0, LONGEST_QUOTE)}…` : word);
}
