import { generateKeyPair, randomBytes, randomInt, type KeyPairKeyObjectResult } from 'node:crypto';
import { promisify } from 'node:util';
import { SecretValue } from '@claviger/kernel';
import type { z } from 'zod';
import { cannotGenerate, invalidOptions } from './content.errors.js';
import { ALPHABETS, GENERATE_OPTIONS, type GenerateOptions, type KeyType } from './generate-options.js';
import type { SecretType } from './secret-type.js';
import { bestKeyLength, describeKeyLength, findKeyLength, isKeyLength } from './types/key-length.js';

type Options<T extends keyof typeof GENERATE_OPTIONS> = z.output<(typeof GENERATE_OPTIONS)[T]>;

/**
 * Makes the content of a secret from the system's random numbers, as JSON text that nobody has seen. RSA keys take up to
 * seconds, in the thread pool.
 *
 * @throws AppError `GENERATE_UNSUPPORTED` for types whose values come from elsewhere; `GENERATE_INVALID_OPTIONS`, whose
 * `details.pointer` is the option
 */
export async function generateContent(type: SecretType, options: GenerateOptions): Promise<SecretValue<string>> {
  return new SecretValue(JSON.stringify(await make(type, options)));
}

function make(type: SecretType, options: GenerateOptions): object | Promise<object> {
  switch (type) {
    case 'basic-auth': {
      const { username, ...password } = parse(type, options);
      return { username, password: randomText(password) };
    }
    case 'api-key':
      return { key: randomText(parse(type, options)) };
    case 'generic':
      return { content: randomText(parse(type, options)) };
    case 'key-value': {
      const { field, ...value } = parse(type, options);
      return { [field]: randomText(value) };
    }
    case 'secret-key':
      return randomKey(parse(type, options));
    case 'private-key':
      return keyPair(parse(type, options).keyType);
    case 'jwt':
      throw cannotGenerate(type, 'a token is signed by its issuer; ask the issuer for one and store it');
    case 'key-store':
      throw cannotGenerate(
        type,
        'make one with keytool or openssl and store the file; or generate a private-key secret',
      );
  }
}

function parse<T extends keyof typeof GENERATE_OPTIONS>(type: T, options: GenerateOptions): Options<T> {
  const schema = GENERATE_OPTIONS[type];
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data as Options<T>;
  const { path, code, message } = parsed.error.issues[0]!;
  const problem =
    code === 'unrecognized_keys' ? `this type takes only ${Object.keys(schema.shape).join(', ')}` : message;
  throw invalidOptions(type, path.map((step) => `/${String(step)}`).join(''), problem);
}

/** Every character is drawn without bias: randomInt() rejects what a remainder would favour. */
function randomText({ length, alphabet }: Options<'api-key'>): string {
  const characters = [...(typeof alphabet === 'string' ? ALPHABETS[alphabet] : alphabet.characters)];
  return Array.from({ length }, () => characters[randomInt(characters.length)]).join('');
}

function randomKey({ algorithm, bits }: Options<'secret-key'>): object {
  const length = algorithm === undefined ? undefined : findKeyLength(algorithm);
  const size = bits ?? (length === undefined ? 256 : bestKeyLength(length));
  if (length !== undefined && !isKeyLength(size, length)) {
    throw invalidOptions('secret-key', '/bits', `the algorithm needs ${describeKeyLength(length)}`);
  }
  return { key: randomBytes(size / 8).toString('base64'), ...(algorithm !== undefined && { algorithm }) };
}

async function keyPair(keyType: KeyType): Promise<object> {
  const { privateKey, publicKey } = await keyObjects(keyType);
  return {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }),
  };
}

function keyObjects(keyType: KeyType): Promise<KeyPairKeyObjectResult> {
  const generate = promisify(generateKeyPair);
  if (keyType === 'ed25519') return generate('ed25519');
  if (keyType.startsWith('rsa-')) return generate('rsa', { modulusLength: Number(keyType.slice(4)) });
  return generate('ec', { namedCurve: keyType.slice(3).replace('p', 'P-') });
}
