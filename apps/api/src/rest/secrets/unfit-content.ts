import type { AppError } from '@claviger/kernel';
import { contentErrors, secretErrors } from '@claviger/features/secrets';
import { parseContent } from '@claviger/vaults/contract';

const { cannotGenerate, ContentProblem, invalidOptions, notOfType } = contentErrors;

/** What new content, or what it is to be generated from, is refused for. */
export const UNFIT = [
  refusalOf(() => parseContent('[]')),
  notOfType('basic-auth', new ContentProblem('username', 'is missing')),
  cannotGenerate('jwt', 'let its issuer make it, and give its content'),
  invalidOptions('basic-auth', '/username', 'it is needed'),
  secretErrors.contentTooLarge('prod', 70_000, 65_536),
  secretErrors.numberInexact('prod', '/count'),
  secretErrors.nameUnfit('prod', 'shop/a b', 'no white space'),
];

function refusalOf(refused: () => unknown): AppError {
  try {
    refused();
  } catch (error) {
    return error as AppError;
  }
  throw new Error('Nothing was refused.');
}
