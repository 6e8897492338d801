import { runCase, skipReason } from './conformance-case.js';
import { CONFORMANCE_CASES } from './conformance-cases.js';
import type { VaultHarness } from './vault-harness.js';

/** What became of one case. */
export type CaseOutcome =
  | { readonly name: string; readonly outcome: 'passed' }
  | { readonly name: string; readonly outcome: 'skipped'; readonly reason: string }
  | { readonly name: string; readonly outcome: 'failed'; readonly error: unknown };

/** Runs all cases, one after another, outside of a test runner. Never throws for a case that fails. */
export async function runConformance(kind: string, harness: VaultHarness): Promise<readonly CaseOutcome[]> {
  const outcomes: CaseOutcome[] = [];
  for (const testCase of CONFORMANCE_CASES) {
    const { name } = testCase;
    const reason = skipReason(testCase, harness);
    if (reason !== undefined) {
      outcomes.push({ name, outcome: 'skipped', reason });
      continue;
    }
    const outcome = await runCase(kind, testCase, harness).then(
      (): CaseOutcome => ({ name, outcome: 'passed' }),
      (error: unknown): CaseOutcome => ({ name, outcome: 'failed', error }),
    );
    outcomes.push(outcome);
  }
  return outcomes;
}
