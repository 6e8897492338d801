import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HmacKey } from './hmac-key.js';

describe('HmacKey', () => {
  // RFC 4231, test cases 1, 2 and 3.
  it.each([
    ['0b'.repeat(20), '4869205468657265', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    [
      '4a656665',
      '7768617420646f2079612077616e7420666f72206e6f7468696e673f',
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    ['aa'.repeat(20), 'dd'.repeat(50), '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'],
  ])('gives the digests of RFC 4231: key %s', (key, message, expected) => {
    expect(new HmacKey(Buffer.from(key, 'hex')).digest(Buffer.from(message, 'hex')).toString('hex')).toBe(expected);
  });

  it('gives what node:crypto gives, one message after another, text or bytes, short or long', () => {
    const bytes = randomBytes(32);
    const key = new HmacKey(bytes);
    const message = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 2_000 }),
      fc.uint8Array({ maxLength: 2_000 }).map((array) => Buffer.from(array)),
    );
    fc.assert(
      fc.property(message, (each) => {
        expect(key.digest(each).equals(createHmac('sha256', bytes).update(each).digest())).toBe(true);
      }),
    );
  });
});
