import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { displayFingerprint, fingerprint, fingerprintKeyId, sameFingerprint } from './fingerprint.js';
import { SECRET_TYPES } from './secret-type.js';

const macOf = (keyId: string, key = keyId) => ({
  keyId,
  hmac: (data: Buffer | string): Buffer => createHmac('sha256', key).update(data).digest(),
});
const mac = macOf('k1');
const type = fc.constantFrom(...SECRET_TYPES);

describe('fingerprint', () => {
  it('is the key id and the HMAC of tag, type and canonical content', () => {
    const digest = createHmac('sha256', 'k1').update('claviger/fingerprint/v1\0api-key\0{"key":"é"}', 'utf8').digest();
    expect(fingerprint(mac, 'api-key', '{"key":"é"}')).toBe(`k1:${digest.toString('base64url')}`);
  });

  it('is equal for, and only for, equal type and content', () => {
    fc.assert(
      fc.property(type, fc.json(), type, fc.json(), (typeA, a, typeB, b) => {
        const equal = fingerprint(mac, typeA, a) === fingerprint(mac, typeB, b);
        expect(equal).toBe(typeA === typeB && a === b);
        expect(fingerprint(mac, typeA, a)).toBe(fingerprint(mac, typeA, a));
      }),
    );
  });

  it('differs by type and by key', () => {
    const all = SECRET_TYPES.flatMap((each) => [
      fingerprint(mac, each, '{}'),
      fingerprint(macOf('k1', 'other'), each, '{}'),
    ]);
    expect(new Set(all).size).toBe(2 * SECRET_TYPES.length);
  });

  it('names its key', () => {
    fc.assert(
      fc.property(fc.string(), (keyId) =>
        expect(fingerprintKeyId(fingerprint(macOf(keyId, 'x'), 'jwt', '{}'))).toBe(keyId),
      ),
    );
  });
});

describe('sameFingerprint', () => {
  it('compares texts of any length', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(sameFingerprint(a, a)).toBe(true);
        expect(sameFingerprint(a, b)).toBe(a === b);
      }),
    );
  });
});

describe('displayFingerprint', () => {
  const stored = fingerprint(mac, 'api-key', '{"key":"a"}');

  it('is short and stable', () => {
    expect(displayFingerprint(mac, 's1', stored)).toMatch(/^[0-9a-f]{4}(-[0-9a-f]{4}){4}$/);
    expect(displayFingerprint(mac, 's1', stored)).toBe(displayFingerprint(mac, 's1', stored));
  });

  it('differs between contents of one secret, between secrets with one content, and between keys', () => {
    const other = fingerprint(mac, 'api-key', '{"key":"b"}');
    const shown = [
      displayFingerprint(mac, 's1', stored),
      displayFingerprint(mac, 's1', other),
      displayFingerprint(mac, 's2', stored),
      displayFingerprint(macOf('k2'), 's1', stored),
    ];
    expect(new Set(shown).size).toBe(4);
  });
});
