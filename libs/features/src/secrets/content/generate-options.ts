import { z } from 'zod';

/** Sets of characters that a generated text can be drawn from. */
export const ALPHABETS = {
  alphanumeric: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789',
  /** All 94 visible characters of ASCII. */
  printable: Array.from({ length: 94 }, (_, i) => String.fromCharCode(0x21 + i)).join(''),
  letters: 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
  hex: '0123456789abcdef',
  digits: '0123456789',
} as const;

export const KEY_TYPES = ['rsa-2048', 'rsa-3072', 'rsa-4096', 'ec-p256', 'ec-p384', 'ec-p521', 'ed25519'] as const;
export type KeyType = (typeof KEY_TYPES)[number];

const MAX_BITS = 4096;

const isSet = (characters: string): boolean => new Set(characters).size === [...characters].length;

const length = z.int().min(8).max(1024).default(32).describe('How many characters to draw.');
const alphabet = z
  .union([
    z.enum(Object.keys(ALPHABETS) as (keyof typeof ALPHABETS)[]),
    z.strictObject({
      characters: z
        .string()
        .regex(/^[^\p{Cc}\p{Surrogate}]{2,256}$/u, 'must be 2 to 256 characters, none of them a control character')
        .refine(isSet, 'must hold each character once'),
    }),
  ])
  .default('alphanumeric')
  .describe('The characters to draw from, each equally likely; so none of them is sure to occur.');

const username = z.string().min(1).max(256).describe('The user that the password is for.');
const field = z.string().min(1).max(256).describe('The key that the generated value gets.');
const algorithm = z
  .string()
  .min(1)
  .max(64)
  .describe('What the key is for; of a known algorithm it gets the right length.');
const bits = z
  .int()
  .min(64)
  .max(MAX_BITS)
  .multipleOf(8)
  .describe('Length of the key; 256 unless the algorithm says otherwise.');
const keyType = z.enum(KEY_TYPES).describe('Algorithm and size of the key pair.');

/** What may be asked for, by secret type. The other types cannot be generated. */
export const GENERATE_OPTIONS = {
  'basic-auth': z.strictObject({ username, length, alphabet }),
  'api-key': z.strictObject({ length, alphabet }),
  'private-key': z.strictObject({ keyType }),
  'secret-key': z.strictObject({ algorithm: algorithm.optional(), bits: bits.optional() }),
  'key-value': z.strictObject({ field, length, alphabet }),
  generic: z.strictObject({ length, alphabet }),
} as const;

/**
 * What a request may ask for when its secret type is not looked at yet: all options of all types. Which of them a type
 * takes, and which it needs, {@link GENERATE_OPTIONS} says and generateContent() checks.
 */
export const generateOptionsSchema = z
  .strictObject({ username, field, algorithm, bits, keyType, length: length.unwrap(), alphabet: alphabet.unwrap() })
  .partial();

export type GenerateOptions = z.output<typeof generateOptionsSchema>;
