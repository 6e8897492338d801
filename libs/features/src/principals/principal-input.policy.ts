import { ROOT_POLICY, isPolicyName } from '@claviger/features/access';
import { inputInvalid } from './principals.errors.js';

const NAME = /^[a-z0-9][a-z0-9._@-]{0,127}$/;
const TEXT = /^[^\p{C}]{0,256}$/u;
const MAX_POLICIES = 64;

/** Shortest password. Length is what makes a password strong (NIST SP 800-63B: at least 8, better 15 alone). */
export const MIN_PASSWORD = 12;
/** Longest, in bytes of UTF-8. */
export const MAX_PASSWORD_BYTES = 1_024;

/** Word in the place of a name that means the caller. */
export const SELF = 'self';
/** What an owner can be asked for by. */
const RESERVED: ReadonlySet<string> = new Set([SELF, 'me']);

/** True for a name that a principal or group can have: 1 to 128 of `a-z 0-9 . _ @ -`, not `self` or `me`. */
export function isPrincipalName(text: string): boolean {
  return NAME.test(text) && !RESERVED.has(text);
}

/** @throws AppError INPUT_INVALID */
export function checkName(name: string): void {
  if (isPrincipalName(name)) return;
  throw inputInvalid(
    'name',
    '1 to 128 of a-z, 0-9, ".", "_", "@" and "-" are allowed, beginning with a letter or digit',
  );
}

/** True for a text that is shown to people: at most 256 printable characters. */
export function isDisplayText(text: string): boolean {
  return TEXT.test(text);
}

/** @throws AppError INPUT_INVALID */
export function checkText(field: string, text: string): void {
  if (!isDisplayText(text)) throw inputInvalid(field, 'at most 256 printable characters are allowed');
}

/** Names of policies in order, each once. `root` is for tokens alone. @throws AppError INPUT_INVALID */
export function checkedPolicies(policies: readonly string[]): string[] {
  const names = [...new Set(policies)].sort();
  if (names.length > MAX_POLICIES || names.some((name) => !isPolicyName(name)))
    throw inputInvalid('policies', `at most ${MAX_POLICIES} names of policies are allowed`);
  if (names.includes(ROOT_POLICY)) throw inputInvalid('policies', 'root is for tokens alone; use admin');
  return names;
}

/** @throws AppError INPUT_INVALID */
export function checkPassword(password: string): void {
  const isLongEnough = [...password].length >= MIN_PASSWORD;
  if (isLongEnough && Buffer.byteLength(password) <= MAX_PASSWORD_BYTES) return;
  throw inputInvalid(
    'password',
    `${MIN_PASSWORD} characters at least and ${MAX_PASSWORD_BYTES} bytes at most are allowed`,
  );
}
