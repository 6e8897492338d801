import { createHash, createHmac, randomBytes } from 'node:crypto';
import { AppError, SecretValue } from '@claviger/kernel';
import { NamedKey, open, seal } from './envelope.js';

/** The seal: the one key that is kept apart from the data and opens everything. */
export class RootKey {
  /** Names the key without revealing it; stored beside what it wraps. */
  readonly id: string;
  readonly #key: NamedKey;

  private constructor(bytes: Buffer) {
    this.id = createHmac('sha256', bytes).update('claviger/root-key-id').digest('hex').slice(0, 16);
    this.#key = new NamedKey(this.id, bytes);
  }

  /** @param text 32 bytes in base64, with or without white space at the ends @throws AppError `ROOT_KEY_INVALID` */
  static fromText(text: SecretValue): RootKey {
    const bytes = Buffer.from(text.reveal().trim(), 'base64');
    if (bytes.length !== 32)
      throw new AppError({
        code: 'ROOT_KEY_INVALID',
        kind: 'invalid',
        message: 'The root key is not 32 bytes in base64. Restore the file or variable that holds it from your backup.',
      });
    return new RootKey(bytes);
  }

  /** A new root key as the text to store. */
  static generateText(): SecretValue {
    return new SecretValue(randomBytes(32).toString('base64'));
  }

  wrap(keyId: string, bytes: Buffer): Buffer {
    return seal(this.#key, `key-encryption-key/${keyId}`, bytes);
  }

  /** @throws AppError `CIPHERTEXT_INVALID` */
  unwrap(keyId: string, wrapped: Buffer): Buffer {
    return open(this.#key, `key-encryption-key/${keyId}`, wrapped);
  }
}

/** A new random key with a random id. */
export function generateKey(): NamedKey {
  return new NamedKey(randomBytes(8).toString('hex'), randomBytes(32));
}

/** SHA-256 as lower-case hexadecimal. */
export function sha256Hex(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}
