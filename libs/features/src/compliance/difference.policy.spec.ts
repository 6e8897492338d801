import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compileProfile, type CompiledProfile } from './compliance-directory.js';
import { differenceOf, type OpenRecords } from './difference.policy.js';
import { nextLookAt } from './evaluation.policy.js';
import { presentState } from './fixtures/present-state.js';
import type { Rule } from './rule.js';

const rule = (id: string): Rule => ({
  id,
  title: id,
  severity: 'low',
  mode: 'warn',
  types: null,
  brokenWhen: { all: [{ fact: 'version', operator: 'equal', value: 0 }] },
  remediation: 'None.',
  from: null,
});
const profile = (id: string, version: number): CompiledProfile =>
  compileProfile({
    id,
    name: id,
    version,
    description: '',
    rules: ['a', 'b', 'c'].map(rule),
    vaultProfiles: [],
    labelSelectors: [],
    createdBy: { id: 'x', name: 'x' },
    createdAt: new Date(0),
    updatedAt: new Date(0),
  });

const { verifiedAt: _, ...state } = presentState();
const found = fc
  .record({
    version: fc.integer({ min: 1, max: 2 }),
    owner: fc.constantFrom(null, 'ada'),
    judgements: fc.uniqueArray(
      fc.record({
        profile: fc.tuple(fc.constantFrom('p', 'q'), fc.integer({ min: 1, max: 2 })).map(([id, n]) => profile(id, n)),
        broken: fc.uniqueArray(fc.constantFrom('a', 'b', 'c')),
      }),
      { selector: (one) => one.profile.id, maxLength: 2 },
    ),
  })
  .map(({ version, owner, judgements }) => ({
    version,
    vaultProfile: 'place',
    state: { ...state, version, owner },
    evaluation: { judgements, changesAt: null },
  }));
const looks = fc.array(fc.option(found, { nil: undefined }), { minLength: 1, maxLength: 6 });
const NOTHING: OpenRecords = { snapshot: null, evaluations: [], findings: [] };

/** What is open after a difference was written. */
function after(open: OpenRecords, look: Parameters<typeof differenceOf>[1]): OpenRecords {
  const { ended, hasNewSnapshot, evaluations, findings } = differenceOf(open, look);
  const next = (): string => String((counter += 1));
  const kept = open.snapshot && !ended.snapshots.includes(open.snapshot.id) ? open.snapshot : null;
  return {
    snapshot: hasNewSnapshot ? { ...look!, id: next() } : kept,
    evaluations: [
      ...open.evaluations.filter(({ id }) => !ended.evaluations.includes(id)),
      ...evaluations.map((one) => ({ ...one, id: next() })),
    ],
    findings: [
      ...open.findings.filter(({ id }) => !ended.findings.includes(id)),
      ...findings.map((one) => ({ ...one, id: next() })),
    ],
  };
}
let counter = 0;

describe('what is written after a look', () => {
  it('leaves open exactly what was found, whatever was open before, and nothing to write when it is found again', () => {
    fc.assert(
      fc.property(looks, (seen) => {
        let open = NOTHING;
        for (const look of seen) {
          open = after(open, look);
          const judgements = look?.evaluation.judgements ?? [];
          expect(open.snapshot?.state).toEqual(look?.state);
          expect(open.evaluations.map((one) => `${one.profileId} ${one.profileVersion} ${one.version}`).sort()).toEqual(
            judgements.map((one) => `${one.profile.id} ${one.profile.version} ${look!.version}`).sort(),
          );
          expect(open.findings.map((one) => `${one.profileId}/${one.ruleId} ${one.version}`).sort()).toEqual(
            judgements.flatMap((one) => one.broken.map((id) => `${one.profile.id}/${id} ${look!.version}`)).sort(),
          );
          const { ended, hasNewSnapshot, evaluations, findings, broken, mended } = differenceOf(open, look);
          const more = [...ended.snapshots, ...ended.evaluations, ...ended.findings, ...evaluations, ...findings];
          expect({ hasNewSnapshot, more: [...more, ...broken, ...mended] }).toEqual({
            hasNewSnapshot: false,
            more: [],
          });
        }
      }),
    );
  });
});

describe('the next look', () => {
  const now = new Date('2026-11-22T12:00:00Z');
  const look = (more: object, copies: readonly string[] = []): number => {
    const present = presentState({
      copies: copies.map((status) => ({ profile: 'x', kind: 'kv', region: null, status })),
    });
    const judged = { secretId: '01990000-0000-7000-8000-000000000000', vaultProfile: 'place', state: present };
    const schedule = { now, changesAt: null, steadySince: now, intervalMs: 900_000, ...more };
    return (nextLookAt(judged, schedule).getTime() - now.getTime()) / 1_000;
  };

  it.each([
    ['after the interval', {}, [], 900],
    ['when time changes a result', { changesAt: new Date(now.getTime() + 5_000) }, [], 5],
    ['soon while a copy is on its way', {}, ['in_sync', 'pending'], 2],
    ['less often the longer it stays so', { steadySince: new Date(now.getTime() - 60_000) }, ['missing'], 30],
    ['no later than the interval', { steadySince: new Date(0) }, ['missing'], 900],
  ])('is %s', (_, more, copies, seconds) => {
    expect(look(more, copies)).toBe(seconds);
  });
});
