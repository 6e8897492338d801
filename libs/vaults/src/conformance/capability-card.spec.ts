import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { VaultCapabilities } from '../contract/index.js';
import { cardPath, observeCard, writeOrCompareCard, type CapabilityCard } from './capability-card.js';
import { CONFORMANCE_CASES } from './conformance-cases.js';
import { runConformance, type CaseOutcome } from './conformance-run.js';
import { referenceHarness } from './mutants/reference-harness.js';
import { REFERENCE_FLAVOURS, type ReferenceFlavour } from './reference-capabilities.js';
import type { VaultHarness } from './vault-harness.js';

const flavours = Object.keys(REFERENCE_FLAVOURS) as ReferenceFlavour[];
const harnessOf = (flavour: ReferenceFlavour): VaultHarness => referenceHarness(flavour, REFERENCE_FLAVOURS[flavour]);

/** As if all cases had run and passed. */
const allPassed: readonly CaseOutcome[] = CONFORMANCE_CASES.map(({ name }) => ({ name, outcome: 'passed' }));

describe('observeCard', () => {
  it.each(flavours)('confirms what the reference adapter declares, %s', async (flavour) => {
    const harness = harnessOf(flavour);
    const card = await observeCard('reference', harness, await runConformance('reference', harness));
    expect(card).toMatchObject({ kind: 'reference', flavour, capabilities: REFERENCE_FLAVOURS[flavour] });
    expect(card.conformance.passed + card.conformance.skipped.length).toBe(CONFORMANCE_CASES.length);
    expect(card.conformance.skipped.every(({ reason }) => reason.length > 0)).toBe(true);
  });

  const lies: readonly (readonly [keyof VaultCapabilities, ReferenceFlavour])[] = [
    ['versionedReads', 'full'],
    ['versionedReads', 'plain'],
    ['compareAndSet', 'full'],
    ['compareAndSet', 'plain'],
    ['softDelete', 'full'],
    ['softDelete', 'plain'],
    ['destroyVersion', 'full'],
    ['destroyVersion', 'plain'],
    ['metadata', 'full'],
    ['metadata', 'plain'],
    ['immediatePurge', 'full'],
    ['immediatePurge', 'scheduled'],
    ['exactNumbers', 'full'],
    ['exactNumbers', 'pruned'],
  ];

  it.each(lies)('refuses a card that says the opposite about %s, %s', async (capability, flavour) => {
    const truth: VaultCapabilities = REFERENCE_FLAVOURS[flavour];
    const harness = { ...harnessOf(flavour), capabilities: { ...truth, [capability]: !truth[capability] } };
    await expect(observeCard('reference', harness, allPassed)).rejects.toThrow(`${capability} is declared`);
  });

  it('refuses a card that declares atomic creation when several creations win', async () => {
    const overwriting = referenceHarness('full', REFERENCE_FLAVOURS.full, (real) => ({
      create: (call, name, content) => real.put(call, name, content),
    }));
    await expect(observeCard('reference', overwriting, allPassed)).rejects.toThrow('atomicCreate is declared true');
  });

  it('refuses a card that declares another number of kept versions', async () => {
    const harness = { ...harnessOf('pruned'), capabilities: { ...REFERENCE_FLAVOURS.pruned, maxVersions: 12 } };
    await expect(observeCard('reference', harness, allPassed)).rejects.toThrow(
      'maxVersions is declared 12 and was seen to be 10',
    );
  });

  it.each([
    [undefined, 1],
    [6, 7],
    [8, 0],
  ])('refuses a card that declares bulk reads of %s where seven can be read at once', async (maxBulkRead, seen) => {
    const { maxBulkRead: _, ...rest } = REFERENCE_FLAVOURS.full;
    const capabilities = maxBulkRead === undefined ? rest : { ...rest, maxBulkRead };
    await expect(observeCard('reference', { ...harnessOf('full'), capabilities }, allPassed)).rejects.toThrow(
      `maxBulkRead is declared ${maxBulkRead} and was seen to be ${seen}`,
    );
  });

  it('refuses a card that declares immediate lists of a vault whose lists lag behind', async () => {
    const lagging = referenceHarness('full', REFERENCE_FLAVOURS.full, () => ({
      list: async () => ({ names: [], cursor: undefined }),
    }));
    await expect(observeCard('reference', lagging, allPassed)).rejects.toThrow('immediateList is declared true');
  });

  it('gives no card when a case failed or did not run', async () => {
    const [first, second, ...rest] = allPassed;
    const failed: CaseOutcome = { name: first!.name, outcome: 'failed', error: new Error('no') };
    await expect(observeCard('reference', harnessOf('full'), [failed, ...rest])).rejects.toThrow(
      `${first!.name}; ${second!.name}`,
    );
  });
});

describe('writeOrCompareCard', () => {
  const card: CapabilityCard = {
    kind: 'reference',
    flavour: 'full',
    capabilities: REFERENCE_FLAVOURS.full,
    conformance: { passed: 1, skipped: [] },
  };
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'claviger-cards-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('writes a missing card and fails, then finds it equal', async () => {
    await expect(writeOrCompareCard(directory, card)).rejects.toThrow('was missing and is written now');
    await expect(writeOrCompareCard(directory, card)).resolves.toBeUndefined();
    expect(JSON.parse(await readFile(cardPath(directory, card), 'utf8'))).toEqual(card);
  });

  it('fails on a difference and writes the new card', async () => {
    await writeFile(cardPath(directory, card), JSON.stringify({ ...card, conformance: { passed: 2, skipped: [] } }));
    await expect(writeOrCompareCard(directory, card)).rejects.toThrow('was out of date and is written now');
    await expect(writeOrCompareCard(directory, card)).resolves.toBeUndefined();
  });
});
