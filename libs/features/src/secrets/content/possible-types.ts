import { isAppError } from '@claviger/kernel';
import type { JsonObject } from '@claviger/vaults/contract';
import type { SecretType } from './secret-type.js';
import { validateContent } from './validate-content.js';

/**
 * From what says most of content to what says least. `api-key` stands before `secret-key`: many a key happens to be
 * base64, and only one that names its algorithm is told apart ({@link possibleTypes}).
 */
const MOST_TELLING_FIRST: readonly SecretType[] = [
  'key-store',
  'private-key',
  'jwt',
  'basic-auth',
  'api-key',
  'secret-key',
  'generic',
  'key-value',
];

/** What content can be. */
export type PossibleTypes = {
  /** The types that it is valid content of, the likeliest first. */
  readonly types: readonly SecretType[];
  /** Only the first one says anything about it: any other valid one takes whatever there is. */
  readonly isCertain: boolean;
};

/** Types that say nothing about what they hold. */
const TELLING_NOTHING: ReadonlySet<SecretType> = new Set(['generic', 'key-value']);

/** Finds out by validating: a guess is never a type that would be refused. Content that nothing can hold has none. */
export async function possibleTypes(content: JsonObject): Promise<PossibleTypes> {
  const types: SecretType[] = [];
  for (const type of MOST_TELLING_FIRST) if (await isOf(type, content)) types.push(type);
  const telling = types.filter((type) => !TELLING_NOTHING.has(type));
  return { types, isCertain: telling.length === 1 || (telling.length === 0 && types.length === 1) };
}

async function isOf(type: SecretType, content: JsonObject): Promise<boolean> {
  try {
    await validateContent(type, content);
    return true;
  } catch (error) {
    if (isAppError(error) && error.kind !== 'internal') return false;
    throw error;
  }
}
