import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { CONFORMANCE_CASES } from './conformance-cases.js';
import { describeVaultAdapter } from './describe-vault-adapter.js';
import { referenceHarness } from './mutants/reference-harness.js';
import { REFERENCE_FLAVOURS } from './reference-capabilities.js';
import type { VaultHarness } from './vault-harness.js';

type Body = () => Promise<void>;

/** What the harness registers with the test runner, without running it. */
function registeredBy(harness: VaultHarness): {
  readonly tests: Map<string, Body>;
  readonly skipped: readonly string[];
} {
  const tests = new Map<string, Body>();
  const skipped: string[] = [];
  const fakeIt = Object.assign((name: string, body: Body) => void tests.set(name, body), {
    skip: (name: string) => void skipped.push(name),
  });
  Object.assign(globalThis, { describe: (_: string, body: () => void) => body(), it: fakeIt });
  try {
    describeVaultAdapter('reference', harness);
  } finally {
    Object.assign(globalThis, { describe, it });
  }
  return { tests, skipped };
}

describe('describeVaultAdapter', () => {
  it('registers every case as a test, or as skipped with the reason in its name', () => {
    const { tests, skipped } = registeredBy(referenceHarness('plain', REFERENCE_FLAVOURS.plain));
    expect(tests.size + skipped.length).toBe(CONFORMANCE_CASES.length);
    expect(skipped).toContain('stores metadata with a creation (needs metadata)');
    expect(tests.has('creates what is absent')).toBe(true);
  });

  it('skips what the harness offers no hook for, by name', () => {
    const { sealed: _, ...harness } = referenceHarness('full', REFERENCE_FLAVOURS.full);
    expect(registeredBy(harness).skipped).toContain(
      'tells reads SEALED, never NOT_FOUND, when the vault is sealed (the harness offers no sealed)',
    );
  });

  it('passes in a folder of a mount that others use too', async () => {
    const harness = referenceHarness('full', REFERENCE_FLAVOURS.full);
    const { tests } = registeredBy({
      ...harness,
      fresh: async () => ({ ...(await harness.fresh()), folder: 'shared/case 1' }),
    });
    for (const body of tests.values()) await expect(body()).resolves.toBeUndefined();
  });

  it('writes the card when all cases have passed, and cleans up after each', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'claviger-cards-'));
    const harness = referenceHarness('full', REFERENCE_FLAVOURS.full);
    let open = 0;
    const { tests } = registeredBy({
      ...harness,
      cardDirectory: directory,
      fresh: async () => {
        open++;
        return { ...(await harness.fresh()), cleanup: async () => void open-- };
      },
    });
    const [name, writeCard] = [...tests].at(-1)!;
    expect(name).toBe('has a committed capability card that is true');
    await expect(writeCard()).rejects.toThrow('these cases failed or did not run');
    for (const [other, body] of tests) if (other !== name) await body();
    await expect(writeCard()).rejects.toThrow('look at it and commit it');
    await expect(writeCard()).resolves.toBeUndefined();
    expect(await readFile(join(directory, 'reference-full.json'), 'utf8')).toContain('"passed"');
    expect(open).toBe(0);
    await rm(directory, { recursive: true });
  });
});
