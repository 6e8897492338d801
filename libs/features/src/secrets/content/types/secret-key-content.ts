import { ContentProblem } from '../content.errors.js';
import { factText } from '../content-facts.js';
import { BASE64_RULE, decodeBase64 } from '../formats/base64.js';
import { defineContent, fields, text } from './content-definition.js';
import { describeKeyLength, findKeyLength, isKeyLength } from './key-length.js';

/** A symmetric key. Of an algorithm that Claviger knows it must have the right length. */
export const secretKey = defineContent(
  fields({ key: text, algorithm: text.max(64, 'must have at most 64 characters').optional() }),
  ({ key, algorithm }) => {
    const bytes = decodeBase64(key);
    if (bytes === undefined) throw new ContentProblem('key', BASE64_RULE);
    const bits = bytes.length * 8;
    if (algorithm === undefined) return { facts: { secretKey: { bits } } };
    const length = findKeyLength(algorithm);
    if (length !== undefined && !isKeyLength(bits, length)) {
      throw new ContentProblem('key', `has ${bits} bits, and its algorithm needs ${describeKeyLength(length)}`);
    }
    return { facts: { secretKey: { bits, algorithm: factText(algorithm) } } };
  },
);
