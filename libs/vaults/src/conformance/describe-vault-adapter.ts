import { observeCard, writeOrCompareCard } from './capability-card.js';
import { runCase, skipReason, type ConformanceCase } from './conformance-case.js';
import { CONFORMANCE_THEMES } from './conformance-cases.js';
import type { CaseOutcome } from './conformance-run.js';
import type { VaultHarness } from './vault-harness.js';

type Register = (name: string, body: () => unknown) => void;
type Runner = { readonly describe: Register; readonly it: Register & { readonly skip: Register } };

/**
 * Registers one Jest test per conformance case, and with `cardDirectory` one more that compares the capability card
 * with the committed one. Cases that do not apply are registered as skipped, with the reason in their name. Taken from
 * the globals, because `@jest/globals` throws in programs other than Jest, which use the rest of this folder too.
 */
export function describeVaultAdapter(kind: string, harness: VaultHarness): void {
  const { describe, it } = globalThis as unknown as Runner;
  const outcomes: CaseOutcome[] = [];

  const register = (testCase: ConformanceCase): void => {
    const { name } = testCase;
    const reason = skipReason(testCase, harness);
    if (reason !== undefined) {
      outcomes.push({ name, outcome: 'skipped', reason });
      return it.skip(`${name} (${reason})`, () => undefined);
    }
    return it(name, async () => {
      await runCase(kind, testCase, harness);
      outcomes.push({ name, outcome: 'passed' });
    });
  };

  describe(`conformance of ${kind}, ${harness.flavour}`, () => {
    for (const { theme, cases } of CONFORMANCE_THEMES) describe(theme, () => cases.forEach(register));
    const { cardDirectory } = harness;
    if (cardDirectory === undefined) return;
    it('has a committed capability card that is true', async () => {
      await writeOrCompareCard(cardDirectory, await observeCard(kind, harness, outcomes));
    });
  });
}
