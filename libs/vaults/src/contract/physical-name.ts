import { AppError } from '@claviger/kernel';

const MAX_NAME_BYTES = 512;
// Encoded dots, slashes and backslashes would become path syntax in a proxy or server that decodes once more.
const ENCODED_PATH_SYNTAX = /%(?:2e|2f|5c|00|25)/i;
const CONTROL = /[\p{Cc}\u2028\u2029]/u;

/**
 * Checks a path-like name (a secret's name, a profile's prefix or mount) in its decoded form.
 *
 * @throws AppError `NAME_INVALID` naming the rule: 1 to 512 bytes; segments separated by single `/`, none empty, `.`
 * or `..`; no control characters, no backslash, no percent-encoded path syntax; well-formed Unicode in form NFC.
 */
export function assertPathName(name: string, what: string): void {
  const problem = pathNameProblem(name);
  if (problem) throw nameInvalid(what, problem);
}

export const nameInvalid = (what: string, problem: string): AppError =>
  new AppError({ code: 'NAME_INVALID', kind: 'invalid', message: `${what} ${problem}.`, details: { what } });

function pathNameProblem(name: string): string | undefined {
  if (name.length === 0) return 'is empty; give at least one character';
  if (!name.isWellFormed()) return 'is not well-formed Unicode (a lone surrogate)';
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `is longer than ${MAX_NAME_BYTES} bytes`;
  if (CONTROL.test(name)) return 'contains a control character';
  if (name.includes('\\')) return 'contains a backslash; use / between segments';
  if (name.startsWith('/') || name.endsWith('/')) return 'starts or ends with /';
  if (name.includes('//')) return 'contains //';
  if (ENCODED_PATH_SYNTAX.test(name))
    return 'contains percent-encoded path syntax (such as %2e); give the name decoded';
  if (name.split('/').some((segment) => segment === '.' || segment === '..')) return 'contains a . or .. segment';
  if (name.normalize('NFC') !== name) return 'is not in Unicode normal form NFC';
  return undefined;
}

/**
 * The physical name of an object: the profile's prefix, a slash, and the name. Both are checked in decoded form and
 * joined afterwards, so neither can climb out of the prefix. Encoding for the wire is the adapter's duty.
 */
export function joinPhysicalName(prefix: string | undefined, name: string): string {
  assertPathName(name, 'The name');
  if (!prefix) return name;
  assertPathName(prefix, 'The prefix');
  const joined = `${prefix}/${name}`;
  assertPathName(joined, 'The prefix and name together');
  return joined;
}
