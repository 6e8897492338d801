import { AppError } from '@claviger/kernel';
import type { JsonPointer } from '@claviger/vaults/contract';
import type { SecretType } from './secret-type.js';

/**
 * What is wrong with a content, found before it is known which type's content it is. `problem` is a clause about the
 * field that says what to do. It has no cause: what libraries say about a key or a token may quote it.
 */
export class ContentProblem extends Error {
  constructor(
    readonly field: string | undefined,
    readonly problem: string,
  ) {
    super(problem);
    this.name = 'ContentProblem';
  }
}

/** `CONTENT_NOT_OF_TYPE`: `details.pointer` is the field at fault, or the empty pointer for the content as a whole. */
export function notOfType(type: SecretType, { field, problem }: ContentProblem): AppError {
  const pointer: JsonPointer = field === undefined ? '' : `/${field}`;
  return new AppError({
    code: 'CONTENT_NOT_OF_TYPE',
    kind: 'invalid',
    message: `The content is not that of a ${type} secret: ${field === undefined ? 'it' : `"${field}"`} ${problem}.`,
    details: { type, pointer },
  });
}

/** `GENERATE_UNSUPPORTED`: Claviger cannot make a value of this type. */
export function cannotGenerate(type: SecretType, fix: string): AppError {
  return new AppError({
    code: 'GENERATE_UNSUPPORTED',
    kind: 'invalid',
    message: `Claviger cannot generate the content of a ${type} secret: ${fix}.`,
    details: { type },
  });
}

/** `GENERATE_INVALID_OPTIONS`: `details.pointer` is the option at fault. */
export function invalidOptions(type: SecretType, pointer: JsonPointer, problem: string): AppError {
  return new AppError({
    code: 'GENERATE_INVALID_OPTIONS',
    kind: 'invalid',
    message: `The options to generate a ${type} secret are not valid${pointer && ` at ${pointer}`}: ${problem}.`,
    details: { type, pointer },
  });
}
