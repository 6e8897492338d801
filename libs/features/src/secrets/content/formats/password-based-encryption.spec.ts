import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import forge from 'node-forge';
import { MalformedDer } from './der.js';
import { deriveFromPassword, MAX_ROUNDS, RoundBudget, TooExpensive } from './password-based-encryption.js';

describe('deriveFromPassword', () => {
  it('derives what node-forge derives', async () => {
    const purposes = { key: 1, iv: 2, mac: 3 } as const;
    const digests = { sha1: forge.md.sha1, sha256: forge.md.sha256, sha512: forge.md.sha512 };
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          hash: fc.constantFrom('sha1', 'sha256', 'sha512'),
          purpose: fc.constantFrom('key', 'iv', 'mac'),
          password: fc.string({ unit: 'binary', maxLength: 70 }),
          salt: fc.uint8Array({ maxLength: 150 }).map((bytes) => Buffer.from(bytes)),
          rounds: fc.integer({ min: 1, max: 5 }),
          length: fc.integer({ min: 1, max: 200 }),
        }),
        async (options) => {
          const theirs = forge.pkcs12.generateKey(
            options.password,
            forge.util.createBuffer(options.salt.toString('latin1')),
            purposes[options.purpose] as never,
            options.rounds,
            options.length,
            digests[options.hash].create(),
          ) as unknown as forge.util.ByteBuffer;
          expect((await deriveFromPassword(options)).toString('hex')).toBe(theirs.toHex());
        },
      ),
    );
  });

  it('lets the process do other things meanwhile', async () => {
    let turns = 0;
    const count = (): void => {
      turns += 1;
      immediate = setImmediate(count);
    };
    let immediate = setImmediate(count);
    const rounds = 20_000;
    await deriveFromPassword({
      hash: 'sha1',
      purpose: 'mac',
      password: 'p',
      salt: Buffer.from('s'),
      rounds,
      length: 20,
    });
    clearImmediate(immediate);
    expect(turns).toBeGreaterThanOrEqual(5);
  });
});

describe('RoundBudget', () => {
  it('lasts for all parts of a file together', () => {
    const budget = new RoundBudget();
    budget.spend(MAX_ROUNDS - 1);
    budget.spend(1);
    expect(() => budget.spend(1)).toThrow(TooExpensive);
  });

  it('does not grow by a negative count', () => {
    for (const rounds of [0, -1, -Infinity]) expect(() => new RoundBudget().spend(rounds)).toThrow(MalformedDer);
    expect(() => new RoundBudget().spend(Infinity)).toThrow(TooExpensive);
  });
});
