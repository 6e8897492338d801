import { describe, expect, it } from '@jest/globals';
import { AppError, SecretValue } from '@claviger/kernel';
import { parseContent } from '@claviger/vaults/contract';
import { generateContent } from './generate-content.js';
import { ALPHABETS, generateOptionsSchema, KEY_TYPES, type GenerateOptions } from './generate-options.js';
import type { SecretType } from './secret-type.js';
import { validateContent } from './validate-content.js';

const generate = async (type: SecretType, options: GenerateOptions = {}): Promise<Record<string, string>> =>
  JSON.parse((await generateContent(type, options)).reveal()) as Record<string, string>;

async function refusalOf(type: SecretType, options: object): Promise<AppError> {
  const error: unknown = await generateContent(type, options).then(
    () => new Error('was generated'),
    (reason: unknown) => reason,
  );
  if (error instanceof AppError) return error;
  throw error;
}

describe('generateContent', () => {
  it.each<[SecretType, GenerateOptions]>([
    ['basic-auth', { username: 'svc' }],
    ['api-key', {}],
    ['generic', { length: 1024, alphabet: 'printable' }],
    ['key-value', { field: '__proto__' }],
    ['secret-key', {}],
    ['secret-key', { algorithm: 'AES' }],
    ['secret-key', { algorithm: 'HS512' }],
    ['secret-key', { algorithm: 'DESede', bits: 128 }],
    ['secret-key', { bits: 4096 }],
    ...KEY_TYPES.map((keyType): [SecretType, GenerateOptions] => ['private-key', { keyType }]),
  ])(
    'makes %s content that is valid, with %j',
    async (type, options) => {
      const content = await generateContent(type, options);
      expect(content).toBeInstanceOf(SecretValue);
      expect((await validateContent(type, parseContent(content.reveal()))).warnings).toEqual([]);
    },
    60_000,
  ); // a large RSA key takes seconds on a busy machine

  it('never makes the same twice', async () => {
    const values = await Promise.all(Array.from({ length: 50 }, () => generate('api-key')));
    expect(new Set(values.map(({ key }) => key)).size).toBe(50);
  });

  it('keeps the name that it was given', async () => {
    expect((await generate('basic-auth', { username: 'jürgen' }))['username']).toBe('jürgen');
    expect(Object.keys(await generate('key-value', { field: '__proto__' }))).toEqual(['__proto__']);
  });

  it.each(Object.entries(ALPHABETS))(
    'draws every character of the alphabet %s, and no other',
    async (name, characters) => {
      const { key } = await generate('api-key', { length: 1024, alphabet: name as keyof typeof ALPHABETS });
      const { key: more } = await generate('api-key', { length: 1024, alphabet: name as keyof typeof ALPHABETS });
      expect([...new Set(key! + more!)].toSorted().join('')).toBe([...characters].toSorted().join(''));
    },
  );

  it('draws from own characters, also outside the basic plane', async () => {
    const { content } = await generate('generic', { length: 200, alphabet: { characters: '😀é' } });
    expect([...content!]).toHaveLength(200);
    expect(new Set(content)).toEqual(new Set('😀é'));
  });

  it('draws without bias', async () => {
    // 2^32 is no multiple of 62 nor of 94; a remainder of one random byte would favour the first characters by a third.
    const counts = new Map<string, number>();
    for (let i = 0; i < 60; i++) {
      for (const each of (await generate('api-key', { length: 1024, alphabet: 'printable' }))['key']!) {
        counts.set(each, (counts.get(each) ?? 0) + 1);
      }
    }
    const expected = (60 * 1024) / 94;
    const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquared).toBeLessThan(93 + 8 * Math.sqrt(2 * 93)); // eight standard deviations: never by chance
  });

  it.each([
    ['api-key', { length: 8 }, 'key', 8],
    ['api-key', {}, 'key', 32],
    ['generic', { length: 1024 }, 'content', 1024],
  ] as const)('makes %s with %j as long as asked', async (type, options, field, length) => {
    expect((await generate(type, options))[field]).toHaveLength(length);
  });

  it.each([
    [{}, 256],
    [{ bits: 512 }, 512],
    [{ algorithm: 'AES' }, 256],
    [{ algorithm: 'AES-128-GCM' }, 128],
    [{ algorithm: 'HmacSHA384' }, 384],
    [{ algorithm: 'mine', bits: 72 }, 72],
  ])('makes a secret key with %j of %i bits', async (options, bits) => {
    expect(Buffer.from((await generate('secret-key', options))['key']!, 'base64')).toHaveLength(bits / 8);
  });

  it.each<[SecretType, object, string]>([
    ['basic-auth', {}, '/username'],
    ['api-key', { length: 7 }, '/length'],
    ['api-key', { length: 1025 }, '/length'],
    ['api-key', { length: 20.5 }, '/length'],
    ['api-key', { alphabet: 'canary' }, '/alphabet'],
    ['api-key', { alphabet: { characters: 'a' } }, '/alphabet'],
    ['api-key', { alphabet: { characters: 'canaryabc' } }, '/alphabet'],
    ['api-key', { alphabet: { characters: 'ab\n' } }, '/alphabet'],
    ['api-key', { keyType: 'ed25519' }, ''],
    ['key-value', {}, '/field'],
    ['private-key', {}, '/keyType'],
    ['private-key', { keyType: 'rsa-1024' }, '/keyType'],
    ['secret-key', { bits: 100 }, '/bits'],
    ['secret-key', { bits: 65536 }, '/bits'],
    ['secret-key', { algorithm: 'AES', bits: 512 }, '/bits'],
  ])('refuses %s with %j', async (type, options, pointer) => {
    const error = await refusalOf(type, options);
    expect(error.code).toBe('GENERATE_INVALID_OPTIONS');
    expect(error.kind).toBe('invalid');
    expect(error.details?.['type']).toBe(type);
    expect(String(error.details?.['pointer']).startsWith(pointer)).toBe(true);
    expect(error.message).not.toContain('canary');
  });

  it.each(['jwt', 'key-store'] as const)('does not make a %s, and says who does', async (type) => {
    const error = await refusalOf(type, {});
    expect({ code: error.code, kind: error.kind }).toEqual({ code: 'GENERATE_UNSUPPORTED', kind: 'invalid' });
    expect(error.message).toMatch(/issuer|keytool/);
  });
});

describe('generateOptionsSchema', () => {
  it('takes the options of all types and sets none of them', () => {
    expect(generateOptionsSchema.parse({})).toEqual({});
    expect(generateOptionsSchema.parse({ length: 8, keyType: 'ed25519' })).toEqual({ length: 8, keyType: 'ed25519' });
    expect(generateOptionsSchema.safeParse({ lenght: 8 }).success).toBe(false);
  });
});
