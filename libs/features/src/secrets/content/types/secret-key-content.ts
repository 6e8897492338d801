import { ContentProblem } from '../content.errors.js';
import { factText } from '../content-facts.js';
import { BASE64_RULE, decodeBase64 } from '../formats/base64.js';
import { defineContent, fields, text } from './content-definition.js';

type KeyLength = { readonly exactly: readonly number[] } | { readonly atLeast: number };

/**
 * Key lengths in bits, by algorithm name without punctuation. Order matters: the first pattern that fits decides.
 * AES: FIPS 197. HMAC: at least the length of the hash, RFC 7518 section 3.2. (Triple) DES with parity bits, as keys are stored:
 * NIST SP 800-67. ChaCha20: RFC 8439.
 */
const KEY_LENGTHS: readonly (readonly [RegExp, KeyLength])[] = [
  [/^AES128/, { exactly: [128] }],
  [/^AES192/, { exactly: [192] }],
  [/^AES256/, { exactly: [256] }],
  [/^AES/, { exactly: [128, 192, 256] }],
  [/^X?CHACHA20/, { exactly: [256] }],
  [/^(DESEDE|3DES|TRIPLEDES|TDEA)/, { exactly: [128, 192] }],
  [/^DES/, { exactly: [64] }],
  [/^HMAC(WITH)?SHA1$/, { atLeast: 160 }],
  [/^(HS|HMAC(WITH)?SHA(2|3)?)256$/, { atLeast: 256 }],
  [/^(HS|HMAC(WITH)?SHA(2|3)?)384$/, { atLeast: 384 }],
  [/^(HS|HMAC(WITH)?SHA(2|3)?)512$/, { atLeast: 512 }],
];

/** A symmetric key. Algorithms that Claviger does not know may have keys of any length. */
export const secretKey = defineContent(
  fields({ key: text, algorithm: text.max(64, 'must have at most 64 characters').optional() }),
  ({ key, algorithm }) => {
    const bytes = decodeBase64(key);
    if (bytes === undefined) throw new ContentProblem('key', BASE64_RULE);
    const bits = bytes.length * 8;
    if (algorithm === undefined) return { facts: { secretKey: { bits } } };
    const wanted = wantedLength(algorithm);
    if (wanted !== undefined && !fits(bits, wanted)) {
      throw new ContentProblem('key', `has ${bits} bits, and its algorithm needs ${describe(wanted)}`);
    }
    return { facts: { secretKey: { bits, algorithm: factText(algorithm) } } };
  },
);

function wantedLength(algorithm: string): KeyLength | undefined {
  const name = algorithm.toUpperCase().replaceAll(/[^A-Z0-9]/g, '');
  return KEY_LENGTHS.find(([pattern]) => pattern.test(name))?.[1];
}

const fits = (bits: number, wanted: KeyLength): boolean =>
  'exactly' in wanted ? wanted.exactly.includes(bits) : bits >= wanted.atLeast;

const describe = (wanted: KeyLength): string =>
  'exactly' in wanted ? wanted.exactly.join(' or ') : `at least ${wanted.atLeast}`;
