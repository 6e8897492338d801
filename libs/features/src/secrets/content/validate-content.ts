import type { JsonObject } from '@claviger/vaults/contract';
import type { z } from 'zod';
import { ContentProblem, notOfType } from './content.errors.js';
import { factTexts, type ContentFacts } from './content-facts.js';
import type { SecretType } from './secret-type.js';
import type { ContentDefinition } from './types/content-definition.js';
import { jwt } from './types/jwt-content.js';
import { keyStore } from './types/key-store-content.js';
import { privateKey } from './types/private-key-content.js';
import { secretKey } from './types/secret-key-content.js';
import { apiKey, basicAuth, generic, keyValue } from './types/text-content.js';

const DEFINITIONS: Readonly<Record<SecretType, ContentDefinition>> = {
  'basic-auth': basicAuth,
  'api-key': apiKey,
  jwt,
  'private-key': privateKey,
  'secret-key': secretKey,
  'key-store': keyStore,
  'key-value': keyValue,
  generic,
};

export type ContentReport = {
  readonly facts: ContentFacts;
  /** Sentences about what is odd yet allowed; without values. */
  readonly warnings: readonly string[];
};

/**
 * Checks that a content really is what its type says: the fields are there, and the token parses, the key loads, the key
 * store opens. Time-dependent facts (expired, too old) are left to rules.
 *
 * @throws AppError `CONTENT_NOT_OF_TYPE`; `details.pointer` is the field at fault. No message or detail quotes the content.
 */
export async function validateContent(type: SecretType, content: JsonObject): Promise<ContentReport> {
  try {
    const { facts, warnings = [] } = await DEFINITIONS[type].inspect(content);
    const names = Object.keys(content).toSorted();
    return { facts: { fields: factTexts(names), fieldCount: names.length, ...facts }, warnings };
  } catch (error) {
    throw error instanceof ContentProblem ? notOfType(type, error) : error;
  }
}

/** The shape of a type's content, for the API description. */
export function contentSchema(type: SecretType): z.ZodType {
  return DEFINITIONS[type].schema;
}
