import { CONFORMANCE_THEMES } from './conformance-cases.js';
import { runCase, skipReason } from './conformance-case.js';
import type { VaultHarness } from './vault-harness.js';

type Register = (name: string, body: () => unknown) => void;
type Runner = { readonly describe: Register; readonly it: Register & { readonly skip: Register } };

/**
 * Registers one Jest test per conformance case. Cases that do not apply are registered as skipped, with the reason in
 * their name. Taken from the globals, because `@jest/globals` throws in programs other than Jest, which use the rest of
 * this folder too.
 */
export function describeVaultAdapter(kind: string, harness: VaultHarness): void {
  const { describe, it } = globalThis as unknown as Runner;
  describe(`conformance of ${kind}, ${harness.flavour}`, () => {
    for (const { theme, cases } of CONFORMANCE_THEMES) {
      describe(theme, () => {
        for (const testCase of cases) {
          const reason = skipReason(testCase, harness);
          if (reason === undefined) it(testCase.name, () => runCase(kind, testCase, harness));
          else it.skip(`${testCase.name} (${reason})`, () => undefined);
        }
      });
    }
  });
}
