import { AppError } from '@claviger/kernel';
import type { RootKey } from './root-key.js';

/**
 * The root keys that a process was given: the one that is to wrap everything, and older ones that still open what they
 * wrapped, for as long as a rotation of the root key takes.
 */
export class RootKeys {
  readonly #byId: ReadonlyMap<string, RootKey>;

  constructor(
    readonly current: RootKey,
    older: readonly RootKey[] = [],
  ) {
    this.#byId = new Map([...older, current].map((key) => [key.id, key]));
  }

  /** Ids of all of them, the current one last. */
  get ids(): readonly string[] {
    return [...this.#byId.keys()];
  }

  /** Wraps a key-encryption key under one of them. @throws AppError ROOT_KEY_WRONG */
  wrap(rootKeyId: string, keyId: string, bytes: Buffer): Buffer {
    return this.#get(rootKeyId).wrap(keyId, bytes);
  }

  /** Opens a key-encryption key. @throws AppError ROOT_KEY_WRONG, CIPHERTEXT_INVALID */
  unwrap(rootKeyId: string, keyId: string, wrapped: Buffer): Buffer {
    return this.#get(rootKeyId).unwrap(keyId, wrapped);
  }

  #get(rootKeyId: string): RootKey {
    const key = this.#byId.get(rootKeyId);
    if (!key) throw rootKeyWrong(this.ids, rootKeyId);
    return key;
  }
}

function rootKeyWrong(given: readonly string[], needed: string): AppError {
  return new AppError({
    code: 'ROOT_KEY_WRONG',
    kind: 'invalid',
    message: `The root key is not the one that this data was sealed under (given ${given.join(', ')}, needed ${needed}). Restore the right root key, or give it as CLAVIGER_ROOT_KEY_PREVIOUS while the root key is being rotated; nothing was changed.`,
  });
}
