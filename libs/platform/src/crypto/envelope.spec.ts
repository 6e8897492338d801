import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { NamedKey, open, seal, sealedKeyId } from './envelope.js';

const newKey = (): NamedKey => new NamedKey(randomBytes(8).toString('hex'), randomBytes(32));
const refused = expect.objectContaining({ code: 'CIPHERTEXT_INVALID' });

describe('the sealed envelope', () => {
  it('opens for the same key and row, and names its key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), (bytes, row) => {
        const key = newKey();
        const sealed = seal(key, row, Buffer.from(bytes));
        expect(sealedKeyId(sealed)).toBe(key.id);
        expect(open(key, row, sealed).equals(Buffer.from(bytes))).toBe(true);
      }),
    );
  });

  it('never uses a nonce again', () => {
    const key = newKey();
    const nonces = Array.from({ length: 2_000 }, () => seal(key, 'a/1', 'text').toString('hex', 9, 21));
    expect(new Set(nonces).size).toBe(2_000);
  });

  it('does not open in another row', () => {
    const key = newKey();
    expect(() => open(key, 'a/2', seal(key, 'a/1', 'text'))).toThrow(refused);
  });

  it('does not open under another key, also one of the same id', () => {
    const key = newKey();
    const sealed = seal(key, 'a/1', 'text');
    expect(() => open(new NamedKey(key.id, randomBytes(32)), 'a/1', sealed)).toThrow(refused);
    expect(() => open(newKey(), 'a/1', sealed)).toThrow(refused);
  });

  it('does not open with any bit changed or any tail cut', () => {
    const key = newKey();
    const sealed = seal(key, 'a/1', 'some text');
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => open(key, 'a/1', changed)).toThrow(refused);
    }
    for (let length = 0; length < sealed.length; length += 1)
      expect(() => open(key, 'a/1', sealed.subarray(0, length))).toThrow(refused);
  });
});
