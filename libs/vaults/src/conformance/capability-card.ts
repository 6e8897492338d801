import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inspect, isDeepStrictEqual } from 'node:util';
import type { VaultCapabilities } from '../contract/index.js';
import { CAPABILITY_PROBES, type Probe } from './capability-probes.js';
import { runCase } from './conformance-case.js';
import { CONFORMANCE_CASES } from './conformance-cases.js';
import type { CaseOutcome } from './conformance-run.js';
import type { VaultHarness } from './vault-harness.js';

/** What a kind and flavour of vault was seen to do. Served by `GET /vault-kinds` from the committed file. */
export type CapabilityCard = {
  readonly kind: string;
  readonly flavour: string;
  readonly capabilities: VaultCapabilities;
  readonly conformance: {
    readonly passed: number;
    readonly skipped: readonly { readonly name: string; readonly reason: string }[];
  };
};

/**
 * The card of a vault that has just passed its conformance cases, every capability probed once more.
 * @throws Error naming the cases that failed or did not run, or the capabilities that are not as declared
 */
export async function observeCard(
  kind: string,
  harness: VaultHarness,
  outcomes: readonly CaseOutcome[],
): Promise<CapabilityCard> {
  const settled = new Map(outcomes.map((outcome) => [outcome.name, outcome.outcome]));
  const open = CONFORMANCE_CASES.filter(({ name }) => !['passed', 'skipped'].includes(settled.get(name) ?? ''));
  if (open.length > 0) {
    const names = open.map(({ name }) => name).join('; ');
    throw new Error(`No card for ${kind}, ${harness.flavour}: these cases failed or did not run: ${names}.`);
  }
  return {
    kind,
    flavour: harness.flavour,
    capabilities: await observeCapabilities(kind, harness),
    conformance: {
      passed: outcomes.filter(({ outcome }) => outcome === 'passed').length,
      skipped: outcomes.flatMap((one) => (one.outcome === 'skipped' ? [{ name: one.name, reason: one.reason }] : [])),
    },
  };
}

async function observeCapabilities(kind: string, harness: VaultHarness): Promise<VaultCapabilities> {
  const declared = harness.capabilities;
  const contradictions: string[] = [];
  for (const [capability, probe] of Object.entries(CAPABILITY_PROBES) as [keyof VaultCapabilities, Probe<unknown>][]) {
    let observed: unknown;
    const run = async (ctx: Parameters<Probe<unknown>>[0]): Promise<void> => void (observed = await probe(ctx));
    await runCase(kind, { name: `probe of ${capability}`, run }, harness);
    if (observed === undefined || observed === declared[capability]) continue;
    contradictions.push(
      `${capability} is declared ${inspect(declared[capability])} and was seen to be ${inspect(observed)}`,
    );
  }
  if (contradictions.length === 0) return declared;
  throw new Error(`The card of ${kind}, ${harness.flavour} is not true: ${contradictions.join('; ')}.`);
}

/** Where the card of a kind and flavour is committed. */
export function cardPath(directory: string, card: Pick<CapabilityCard, 'kind' | 'flavour'>): string {
  return join(directory, `${card.kind}-${card.flavour}.json`);
}

/**
 * Compares the card with its committed file; where it is missing or different, writes it.
 * @throws Error when it had to be written, so that nobody commits a card without looking at it
 */
export async function writeOrCompareCard(directory: string, card: CapabilityCard): Promise<void> {
  const path = cardPath(directory, card);
  const committed = await readFile(path, 'utf8').then(
    (text) => JSON.parse(text) as unknown,
    () => undefined,
  );
  if (isDeepStrictEqual(committed, JSON.parse(JSON.stringify(card)))) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${JSON.stringify(card, undefined, 2)}\n`);
  throw new Error(
    `${path} was ${committed === undefined ? 'missing' : 'out of date'} and is written now: look at it and commit it.`,
  );
}
