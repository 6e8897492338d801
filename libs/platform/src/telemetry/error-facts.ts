import { types } from 'node:util';
import { isAppError } from '@claviger/kernel';
import { stackFrames } from './stack-frames.js';

const MAX_CAUSES = 5;
const NAME = /^[A-Za-z][\w$]{0,63}$/;
/** Codes of Node, libuv, PostgreSQL (SQLSTATE) and of our own: short words in capitals. */
const CODE = /^[A-Z][A-Z0-9_]{1,63}$|^[0-9A-Z]{5}$/;

/** What is written of an error. */
export type ErrorFacts = {
  readonly name: string;
  readonly code?: string;
  /** Of AppErrors only. */
  readonly kind?: string;
  /** Of AppErrors only: their messages are written to be shown, those of libraries quote what they were given. */
  readonly message?: string;
  /** Where it was made; not for AppErrors that are answers and no defects. */
  readonly frames?: readonly string[];
  /** Name and code of each cause, outermost first. */
  readonly causes?: readonly string[];
};

/**
 * The part of anything thrown that may be logged. A library's error message can quote the value that it choked on
 * (JSON, PEM and URL parsers do), so of an error that is not ours only the class, the code and the place are told.
 */
export function errorFacts(error: unknown): ErrorFacts {
  if (!isError(error)) return { name: 'NotAnError' };
  const causes = causesOf(error);
  const chain = causes.length > 0 ? { causes } : {};
  if (isAppError(error)) {
    const place = error.kind === 'internal' ? framesOf(error) : {};
    return { name: 'AppError', code: error.code, kind: error.kind, message: error.message, ...place, ...chain };
  }
  return { ...identityOf(error), ...framesOf(error), ...chain };
}

/** The code of an error when it is one of ours or a well-formed one of a library or the system. */
export function errorCode(error: unknown): string | undefined {
  const code = isError(error) ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' && CODE.test(code) ? code : undefined;
}

function isError(error: unknown): error is Error {
  return error instanceof Error || types.isNativeError(error);
}

function identityOf(error: Error): { name: string; code?: string } {
  const name = typeof error.name === 'string' && NAME.test(error.name) ? error.name : 'Error';
  const code = errorCode(error);
  return code === undefined ? { name } : { name, code };
}

function framesOf(error: Error): { frames?: string[] } {
  const frames = stackFrames(error);
  return frames.length > 0 ? { frames } : {};
}

function causesOf(error: Error): string[] {
  const causes: string[] = [];
  const queue: unknown[] = [error.cause, ...membersOf(error)];
  while (queue.length > 0 && causes.length < MAX_CAUSES) {
    const next = queue.shift();
    if (!isError(next)) continue;
    const { name, code } = identityOf(next);
    causes.push(code === undefined ? name : `${name} ${code}`);
    queue.push(next.cause, ...membersOf(next));
  }
  return causes;
}

/** An AggregateError (a connection tried on several addresses) says why only in its members. */
function membersOf(error: Error): unknown[] {
  const { errors } = error as Partial<AggregateError>;
  return Array.isArray(errors) ? errors.slice(0, MAX_CAUSES) : [];
}
