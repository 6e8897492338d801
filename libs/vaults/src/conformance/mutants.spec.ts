import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runCase, skipReason, type ConformanceCase } from './conformance-case.js';
import { CONFORMANCE_CASES } from './conformance-cases.js';
import { BULK_READ_MUTANTS } from './mutants/bulk-read.mutants.js';
import { CANCELLATION_MUTANTS } from './mutants/cancellation.mutants.js';
import { CARD_MUTANTS } from './mutants/card.mutants.js';
import { CREATE_MUTANTS } from './mutants/create.mutants.js';
import { DELETION_MUTANTS } from './mutants/deletion.mutants.js';
import { ERROR_MUTANTS } from './mutants/errors.mutants.js';
import { LISTING_MUTANTS } from './mutants/listing.mutants.js';
import { METADATA_MUTANTS } from './mutants/metadata.mutants.js';
import type { Mutant, Mutants } from './mutants/mutation.js';
import { NAME_MUTANTS } from './mutants/names.mutants.js';
import { PUT_MUTANTS } from './mutants/put.mutants.js';
import { RECOVERY_MUTANTS } from './mutants/recovery.mutants.js';
import { referenceHarness } from './mutants/reference-harness.js';
import { VALUE_MUTANTS } from './mutants/values.mutants.js';
import { VERSION_MUTANTS } from './mutants/versions.mutants.js';
import { REFERENCE_FLAVOURS, type ReferenceFlavour } from './reference-capabilities.js';

const MUTANTS: Mutants = {
  ...CARD_MUTANTS,
  ...NAME_MUTANTS,
  ...VALUE_MUTANTS,
  ...CREATE_MUTANTS,
  ...PUT_MUTANTS,
  ...VERSION_MUTANTS,
  ...METADATA_MUTANTS,
  ...DELETION_MUTANTS,
  ...RECOVERY_MUTANTS,
  ...LISTING_MUTANTS,
  ...BULK_READ_MUTANTS,
  ...ERROR_MUTANTS,
  ...CANCELLATION_MUTANTS,
};

const flavours = Object.keys(REFERENCE_FLAVOURS) as ReferenceFlavour[];

const casesFor = (flavour: ReferenceFlavour): readonly ConformanceCase[] => {
  const harness = referenceHarness(flavour, REFERENCE_FLAVOURS[flavour]);
  return CONFORMANCE_CASES.filter((testCase) => skipReason(testCase, harness) === undefined);
};

/** Names of the cases that fail, with the reasons. */
async function failing(
  cases: readonly ConformanceCase[],
  flavour: ReferenceFlavour,
  mutant?: Mutant,
): Promise<ReadonlyMap<string, unknown>> {
  const harness = referenceHarness(flavour, REFERENCE_FLAVOURS[flavour], mutant);
  const failures = new Map<string, unknown>();
  await Promise.all(
    cases.map((testCase) =>
      runCase('reference', testCase, harness).catch((error: unknown) => failures.set(testCase.name, error)),
    ),
  );
  return failures;
}

describe('conformance cases', () => {
  // Forty thousand case runs whose refusals nobody traces: collecting stacks would be a quarter of the time.
  const { stackTraceLimit } = Error;
  beforeAll(() => void (Error.stackTraceLimit = 0));
  afterAll(() => void (Error.stackTraceLimit = stackTraceLimit));

  it('have names of their own', () => {
    expect(new Set(CONFORMANCE_CASES.map(({ name }) => name)).size).toBe(CONFORMANCE_CASES.length);
  });

  it('have a mutant each', () => {
    expect(Object.keys(MUTANTS).sort()).toEqual(CONFORMANCE_CASES.map(({ name }) => name).sort());
  });

  it.each(flavours)('are all passed by the reference adapter, %s', async (flavour) => {
    expect([...(await failing(casesFor(flavour), flavour))]).toEqual([]);
  });

  it.each(CONFORMANCE_CASES)('catch, alone, the mutant of: $name', async (testCase) => {
    const entry = MUTANTS[testCase.name]!;
    const { mutant, alsoBreaks } = typeof entry === 'function' ? { mutant: entry, alsoBreaks: [] } : entry;
    const flavour = flavours.find((one) => casesFor(one).includes(testCase));
    if (flavour === undefined) throw new Error('No flavour of the reference adapter is subject to this case.');
    const caught = [...(await failing(casesFor(flavour), flavour, mutant)).keys()];
    if (alsoBreaks === 'much') expect(caught).toContain(testCase.name);
    else expect(caught.sort()).toEqual([testCase.name, ...alsoBreaks].sort());
  });
});
