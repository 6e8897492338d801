import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { AppError } from '@claviger/kernel';
import { parseContent } from '@claviger/vaults/contract';
import type { ContentFacts } from './content-facts.js';
import { SECRET_TYPES, type SecretType } from './secret-type.js';
import { contentSchema, validateContent, type ContentReport } from './validate-content.js';

type Fixture = { readonly name: string; readonly madeBy: string; readonly text: string };
type Fixtures = {
  readonly accepted: readonly (Fixture & { readonly facts: Partial<ContentFacts> })[];
  readonly refused: readonly (Fixture & { readonly code: string; readonly pointer?: string })[];
};

const folder = join(dirname(fileURLToPath(import.meta.url)), 'fixtures');
const fixturesOf = (type: SecretType): Fixtures =>
  JSON.parse(readFileSync(join(folder, `${type}.json`), 'utf8')) as Fixtures;

const validate = async (type: SecretType, content: unknown): Promise<ContentReport> =>
  validateContent(type, parseContent(typeof content === 'string' ? content : JSON.stringify(content)));

async function refusalOf(type: SecretType, content: unknown): Promise<AppError> {
  const error: unknown = await validate(type, content).then(
    () => new Error('was accepted'),
    (reason: unknown) => reason,
  );
  if (error instanceof AppError) return error;
  throw error;
}

/** Every string of a content that could be a secret, and every line of it. */
function secretsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value, ...value.split(/[\s.]/)].filter((part) => part.length > 6);
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(secretsIn) : [];
}

describe.each(SECRET_TYPES)('content of type %s', (type) => {
  const { accepted, refused } = fixturesOf(type);

  it('has at least three accepted and five refused fixtures', () => {
    expect(accepted.length).toBeGreaterThanOrEqual(3);
    expect(refused.length).toBeGreaterThanOrEqual(5);
  });

  it.each(accepted)('is accepted: $name', async ({ text, facts }) => {
    const report = await validate(type, text);
    expect(report.facts).toMatchObject(facts);
    expect(JSON.parse(JSON.stringify(report.facts))).toEqual(report.facts);
  });

  it.each(refused)('is refused: $name', async ({ text, code, pointer }) => {
    const error = await refusalOf(type, text);
    expect({ code: error.code, kind: error.kind }).toEqual({ code, kind: 'invalid' });
    if (code === 'CONTENT_NOT_OF_TYPE') expect(error.details).toEqual({ type, pointer });
  });

  it.each(refused)('quotes no value when it refuses: $name', async ({ text }) => {
    const error = await refusalOf(type, text);
    const said = JSON.stringify([error.message, error.details, error.cause]);
    for (const secret of secretsIn(attempt(() => JSON.parse(text)))) expect(said).not.toContain(secret);
  });
});

function attempt(parse: () => unknown): unknown {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

describe('validateContent', () => {
  it('keeps every value out of the facts', async () => {
    for (const type of SECRET_TYPES) {
      for (const { text } of fixturesOf(type).accepted) {
        const said = JSON.stringify(await validate(type, text));
        const content = JSON.parse(text) as Record<string, unknown>;
        const secret = content['password'] ?? content['key'] ?? content['token'] ?? content['privateKey'];
        for (const part of secretsIn(secret)) expect(said).not.toContain(part);
      }
    }
  });

  it('does not name a field that the type does not have, as it may be a misplaced value', async () => {
    const error = await refusalOf('basic-auth', { username: 'a', password: 'b', 'canary-value': 'c' });
    expect(error.details).toEqual({ type: 'basic-auth', pointer: '' });
    expect(error.message).not.toContain('canary');
    expect(error.message).toContain('username, password');
  });

  it('refuses __proto__ as any other unknown field', async () => {
    const error = await refusalOf('api-key', '{"key":"k","__proto__":{}}');
    expect(error.details).toEqual({ type: 'api-key', pointer: '' });
  });

  it('bounds the facts, and keeps what PostgreSQL cannot store out of them', async () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`\0${i}`, '']));
    const { facts } = await validate('key-value', many);
    expect(facts.fieldCount).toBe(500);
    expect(facts.fields).toHaveLength(64);
    expect(facts.fields[0]).toBe('\ufffd0');
    const long = await validate('key-value', { ['😀'.repeat(150)]: '' });
    expect(long.facts.fields).toEqual([`${'😀'.repeat(99)}\ufffd…`]);
  });

  it('tells how long a value is by its class only', async () => {
    const classOf = async (length: number): Promise<unknown> =>
      (await validate('api-key', { key: '😀'.repeat(length) })).facts.valueLength;
    const classes = await Promise.all([1, 7, 8, 11, 12, 15, 16, 23, 24, 31, 32, 63, 64, 5000].map(classOf));
    expect(classes).toEqual('1-7 1-7 8-11 8-11 12-15 12-15 16-23 16-23 24-31 24-31 32-63 32-63 64+ 64+'.split(' '));
  });

  it.each<[SecretType, string, string]>([
    ['private-key', 'encrypted, without a passphrase', 'is missing, and the private key is encrypted'],
    ['private-key', 'encrypted, with a wrong passphrase', 'does not open the private key'],
    ['private-key', 'a truncated key', 'cut off'],
    ['private-key', 'a public key instead', 'another kind of PEM'],
    ['private-key', 'two keys', 'more than one PEM block'],
    ['private-key', 'DER in base64', 'is not PEM'],
    ['private-key', 'the format of OpenSSH', 'ssh-keygen -p -m PKCS8'],
    ['private-key', 'so many iterations that opening would hang', 'fewer iterations'],
    ['private-key', 'so much scrypt that opening would hang', 'fewer iterations'],
    ['private-key', 'the public key of another', 'does not belong to the private key'],
    ['private-key', 'the private key as the public key', 'openssl pkey'],
    ['jwt', 'two parts', 'three parts'],
    ['jwt', 'four parts', 'three parts'],
    ['jwt', 'an encrypted token', 'encrypted JWT'],
    ['jwt', 'an unsigned token', 'not signed'],
    ['jwt', 'an empty signature', 'signature'],
    ['jwt', 'the scheme of the header in front', 'no "Bearer "'],
    ['jwt', 'a header that is no JSON', 'header'],
    ['jwt', 'a header without an algorithm', '"alg"'],
    ['jwt', 'a payload that is no JSON', 'payload'],
    ['jwt', 'an expiry beyond all dates', '"exp"'],
    ['secret-key', 'without its padding', 'standard base64 with padding'],
    ['secret-key', 'HS512 with 256 bits', 'has 256 bits, and its algorithm needs at least 512'],
    ['secret-key', 'AES with 160 bits', '128 or 192 or 256'],
    ['key-store', 'JKS said to be PKCS12', 'must be "JKS"'],
    ['key-store', 'PKCS12 said to be JKS', 'must be "PKCS12"'],
    ['key-store', 'JCEKS', 'convert it'],
    ['key-store', 'a certificate in PEM', 'is no PKCS12 file'],
    ['key-store', 'a truncated PKCS12', 'is damaged'],
    ['key-store', 'PKCS12 with a wrong password', 'does not open the key store'],
    ['key-store', 'base64 with line ends', 'base64 -w0'],
    ['key-store', 'so many iterations that opening would hang', 'fewer iterations'],
    ['key-store', 'so many iterations that opening would hang, without a MAC', 'fewer iterations'],
    ['key-store', 'an unknown kind', 'PKCS12 or JKS'],
  ])('tells what is wrong with a %s: %s', async (type, name, words) => {
    const { text } = fixturesOf(type).refused.find((fixture) => fixture.name === name)!;
    expect((await refusalOf(type, text)).message).toContain(words);
  });

  it('warns of a key store that any password opens, and of no other', async () => {
    for (const { name, text } of fixturesOf('key-store').accepted) {
      const expected =
        name === 'PKCS12 with neither encryption nor MAC' ? [expect.stringContaining('any password')] : [];
      expect((await validate('key-store', text)).warnings).toEqual(expected);
    }
  });

  it('warns of a passphrase that protects nothing', async () => {
    const { text } = fixturesOf('private-key').accepted.find(({ name }) => name === 'X25519')!;
    const plain = JSON.parse(text) as object;
    expect((await validate('private-key', plain)).warnings).toEqual([]);
    expect((await validate('private-key', { ...plain, passphrase: 'canary' })).warnings).toEqual([
      'The private key is not encrypted: its passphrase protects nothing.',
    ]);
  });

  it('describes the shape of every type', () => {
    expect(contentSchema('secret-key').safeParse({ key: 'a' }).success).toBe(true);
    expect(contentSchema('secret-key').safeParse({ algorithm: 'AES' }).success).toBe(false);
  });
});
