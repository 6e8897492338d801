import { describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import fc from 'fast-check';
import { readObjects } from './read-objects.js';
import type { AdapterCall, ReadAnswer, VaultAdapter } from './vault-adapter.js';
import { VaultError, type VaultErrorCode } from './vault-error.js';

const call: AdapterCall = { requestId: 'r', signal: new AbortController().signal };

const errorOf = (code: VaultErrorCode, operation: string): VaultError =>
  new VaultError({ code, message: 'Of a test.', backend: 'test', operation });

/** A vault in which each object holds its own name; `broken` says with what some are answered. */
class Vault {
  readonly asked: string[] = [];
  /** How many reads were under way together at most. */
  together = 0;
  #running = 0;

  constructor(
    readonly maxBulkRead: number | undefined,
    readonly broken: Readonly<Record<string, VaultErrorCode>> = {},
    readonly batchFails?: VaultErrorCode,
  ) {}

  async read(_call: AdapterCall, name: string): Promise<NonNullable<ReadAnswer['found']>> {
    this.asked.push(name);
    this.together = Math.max(this.together, (this.#running += 1));
    await Promise.resolve();
    this.#running -= 1;
    const code = this.broken[name];
    if (code) throw errorOf(code, 'read');
    return { content: new SecretValue(name), version: '1' };
  }

  async readMany(_call: AdapterCall, names: readonly string[]): Promise<readonly ReadAnswer[]> {
    this.asked.push(names.join('+'));
    if (this.batchFails) throw errorOf(this.batchFails, 'readMany');
    return names.map((name) => {
      const code = this.broken[name];
      return code
        ? { name, error: errorOf(code, 'readMany') }
        : { name, found: { content: new SecretValue(name), version: '1' } };
    });
  }

  async all(...names: readonly string[]): Promise<string[]> {
    const { maxBulkRead } = this;
    const capabilities = maxBulkRead === undefined ? {} : { maxBulkRead };
    const answers: string[] = [];
    for await (const answer of readObjects({ adapter: this as unknown as VaultAdapter, capabilities }, call, names))
      answers.push(answer.error ? `${answer.name} ${answer.error.vaultCode}` : answer.found.content.reveal());
    return answers;
  }
}

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: VaultError) => error.vaultCode,
  );

describe('readObjects', () => {
  it('reads as many at once as the vault gives, and the last one alone', async () => {
    const vault = new Vault(3);
    expect(await vault.all('a', 'b', 'c', 'd', 'e', 'f', 'g')).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    expect(vault.asked).toEqual(['a+b+c', 'd+e+f', 'g']);
  });

  it('reads one at a time where the vault gives no more, a few of them together', async () => {
    const vault = new Vault(undefined);
    const names = Array.from({ length: 11 }, (_, index) => `n${index}`);
    expect(await vault.all(...names)).toEqual(names);
    expect([vault.asked, vault.together]).toEqual([names, 4]);
  });

  it.each([3, undefined])('answers with the error of one object and goes on, bulk reads of %s', async (maxBulkRead) => {
    const vault = new Vault(maxBulkRead, { b: 'INVALID_VALUE', c: 'PERMISSION_DENIED', d: 'NOT_FOUND' });
    expect(await vault.all('a', 'b', 'c', 'd', 'e')).toEqual([
      'a',
      'b INVALID_VALUE',
      'c PERMISSION_DENIED',
      'd NOT_FOUND',
      'e',
    ]);
  });

  it.each(['UNAVAILABLE', 'THROTTLED', 'UNAUTHENTICATED', 'SEALED', 'TIMEOUT', 'CANCELLED', 'ADDRESS_DENIED'] as const)(
    'asks for nothing more after %s, which is no matter of one object',
    async (code) => {
      const single = new Vault(undefined, { b: code });
      expect(await codeOf(single.all('a', 'b', 'c', 'd', 'e', 'f'))).toBe(code);
      expect(single.asked).toEqual(['a', 'b', 'c', 'd']);
      const bulk = new Vault(2, {}, code);
      expect(await codeOf(bulk.all('a', 'b', 'c', 'd'))).toBe(code);
      expect(bulk.asked).toEqual(['a+b']);
    },
  );

  it('reads one at a time where bulk reads are not allowed, and asks for no second one', async () => {
    const vault = new Vault(2, { c: 'NOT_FOUND' }, 'PERMISSION_DENIED');
    expect(await vault.all('a', 'b', 'c', 'd', 'e')).toEqual(['a', 'b', 'c NOT_FOUND', 'd', 'e']);
    expect(vault.asked).toEqual(['a+b', 'a', 'b', 'c', 'd', 'e']);
  });

  it('asks nobody for nothing', async () => {
    const vault = new Vault(2);
    expect(await vault.all()).toEqual([]);
    expect(vault.asked).toEqual([]);
  });

  it('gives one answer for each name, in order, whatever is asked of which vault', async () => {
    const setting = fc.record({
      names: fc.array(fc.string({ minLength: 1, maxLength: 3 }), { maxLength: 40 }),
      maxBulkRead: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
      isDenied: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(setting, async ({ names, maxBulkRead, isDenied }) => {
        const vault = new Vault(maxBulkRead, {}, isDenied ? 'PERMISSION_DENIED' : undefined);
        expect(await vault.all(...names)).toEqual(names);
      }),
    );
  });
});
