import { createHmac, hash } from 'node:crypto';

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
/** Longest message that is hashed in place. */
const IN_PLACE_BYTES = 1024;

/**
 * HMAC-SHA-256 (RFC 2104) under one key of at most 64 bytes. Short messages, of which each request has several, go
 * through two one-shot hashes: the object that createHmac makes for every message costs more than the hashing, and the
 * garbage collector has to finalise it.
 */
export class HmacKey {
  /** The key, padded for the inner hash; behind it the message, while it is hashed. */
  readonly #inner = Buffer.alloc(BLOCK_BYTES + IN_PLACE_BYTES);
  /** The key, padded for the outer hash, and the digest of the inner one. */
  readonly #outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);

  constructor(private readonly key: Buffer) {
    for (let i = 0; i < BLOCK_BYTES; i += 1) {
      const byte = key[i] ?? 0;
      this.#inner[i] = byte ^ 0x36;
      this.#outer[i] = byte ^ 0x5c;
    }
  }

  digest(message: Buffer | string): Buffer {
    // Three bytes of UTF-8 are the most that a UTF-16 unit takes.
    const mostBytes = typeof message === 'string' ? message.length * 3 : message.length;
    if (mostBytes > IN_PLACE_BYTES) return createHmac('sha256', this.key).update(message).digest();
    const end = BLOCK_BYTES + this.#place(message);
    // Digests travel as text: a hash makes that three times as fast as a Buffer.
    const innerDigest = hash('sha256', this.#inner.subarray(0, end), 'binary');
    this.#inner.fill(0, BLOCK_BYTES, end);
    this.#outer.write(innerDigest, BLOCK_BYTES, 'latin1');
    return Buffer.from(hash('sha256', this.#outer, 'binary'), 'latin1');
  }

  #place(message: Buffer | string): number {
    return typeof message === 'string'
      ? this.#inner.write(message, BLOCK_BYTES)
      : message.copy(this.#inner, BLOCK_BYTES);
  }
}
