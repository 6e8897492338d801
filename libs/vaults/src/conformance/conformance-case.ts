import { CaseContext } from './case-context.js';
import type { Requirement } from './requirement.js';
import type { HarnessHook, VaultHarness } from './vault-harness.js';

/** One promise of the contract, as data. */
export type ConformanceCase = {
  /** States the behaviour in the present tense; unique, stable: capability cards name it. */
  readonly name: string;
  /** Left out: it holds for every vault. */
  readonly requires?: Requirement;
  /** What the harness must offer. */
  readonly needs?: HarnessHook;
  /** Rejects when the adapter breaks the promise. */
  readonly run: (ctx: CaseContext) => Promise<void>;
};

/** A group of cases about one theme. */
export type ConformanceTheme = { readonly theme: string; readonly cases: readonly ConformanceCase[] };

/** Why a case does not apply to a vault, in words; undefined when it does. */
export function skipReason(testCase: ConformanceCase, harness: VaultHarness): string | undefined {
  if (testCase.requires && !testCase.requires.holds(harness.capabilities)) return testCase.requires.description;
  if (testCase.needs && harness[testCase.needs] === undefined) return `the harness offers no ${testCase.needs}`;
  return undefined;
}

/** Runs one case in a vault of its own and cleans up after it, whatever happens. */
export async function runCase(kind: string, testCase: ConformanceCase, harness: VaultHarness): Promise<void> {
  const vault = await harness.fresh();
  try {
    await testCase.run(new CaseContext(kind, harness, vault));
  } finally {
    await vault.cleanup?.();
  }
}
