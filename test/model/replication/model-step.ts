import fc from 'fast-check';
import type { VaultErrorCode } from '@claviger/vaults/contract';
import type { ConflictPolicy } from '../../../libs/features/src/replication/sync-target.entity.js';
import type { ModelFault } from './model-vault.js';

/**
 * The vaults: as KV version 2, as KV version 1, one that soft-deletes but has no compare-and-set, and home, which nobody but
 * Claviger reaches: there every secret begins.
 */
export const VAULTS = ['versioned', 'plain', 'soft', 'home'] as const;
export type VaultIndex = 0 | 1 | 2 | 3;
export const HOME: VaultIndex = 3;

/** What somebody who is not Claviger does at a place. */
export type ForeignAct =
  | 'writes'
  | 'writes what no secret can hold'
  | 'writes the current content'
  | 'writes the first content'
  | 'purges'
  | 'puts an object of its own in place of what is there'
  | 'puts an object with a foreign marker in place of what is there'
  | 'leaves metadata only'
  | 'deletes the newest version'
  | 'undeletes the newest version'
  | 'destroys the newest version'
  | 'adds metadata'
  | 'strips the metadata';

export type ModelStep =
  | { readonly do: 'write' }
  | { readonly do: 'write an old content again'; readonly version: number }
  | { readonly do: 'delete the version' }
  | { readonly do: 'undelete the version' }
  | { readonly do: 'destroy the version' }
  | { readonly do: 'create the secret' }
  | { readonly do: 'delete the secret'; readonly retain: boolean }
  | { readonly do: 'disable the secret' }
  | { readonly do: 'enable the secret' }
  | { readonly do: 'add'; readonly vault: VaultIndex; readonly onConflict: ConflictPolicy }
  | { readonly do: 'remove'; readonly vault: VaultIndex; readonly purge: boolean }
  | { readonly do: 'sync'; readonly vault: VaultIndex }
  | {
      readonly do: 'change the source';
      readonly vault: VaultIndex;
      readonly onConflict: ConflictPolicy;
      readonly process: 0 | 1;
    }
  | { readonly do: 'overwrite the drift at the source' }
  | { readonly do: 'disable the profile'; readonly vault: VaultIndex }
  | { readonly do: 'enable the profile'; readonly vault: VaultIndex }
  | { readonly do: 'toggle repair'; readonly vault: VaultIndex }
  | { readonly do: 'foreign'; readonly vault: VaultIndex; readonly act: ForeignAct }
  | { readonly do: 'fault'; readonly vault: VaultIndex; readonly fault: ModelFault }
  | { readonly do: 'source fault'; readonly code: VaultErrorCode }
  | { readonly do: 'work'; readonly process: 0 | 1; readonly picks: readonly number[] }
  | { readonly do: 'go on'; readonly turns: number }
  | { readonly do: 'kill'; readonly process: 0 | 1 }
  | { readonly do: 'lose the queue' }
  | { readonly do: 'repeat the queue' }
  | { readonly do: 'wait'; readonly seconds: number }
  | { readonly do: 'sweep' }
  | { readonly do: 'verify' }
  | { readonly do: 'back up' }
  | { readonly do: 'restore'; readonly as: 'failover' | 'clone' }
  | { readonly do: 'accept the database' };

const outside = fc.constantFrom<VaultIndex>(0, 1, 2);
const vault = fc.constantFrom<VaultIndex>(0, 0, 1, 1, 2, 2, HOME);
const process = fc.constantFrom<0 | 1>(0, 1);
const onConflict = fc.constantFrom<ConflictPolicy>('fail', 'adopt-if-equal', 'overwrite');

const foreignAct = fc.constantFrom<ForeignAct>(
  'writes',
  'writes what no secret can hold',
  'writes the current content',
  'writes the first content',
  'purges',
  'puts an object of its own in place of what is there',
  'puts an object with a foreign marker in place of what is there',
  'leaves metadata only',
  'deletes the newest version',
  'undeletes the newest version',
  'destroys the newest version',
  'adds metadata',
  'strips the metadata',
);

const refusal = fc.constantFrom<VaultErrorCode>(
  'THROTTLED',
  'UNAVAILABLE',
  'SEALED',
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'INTERNAL',
);
const seconds = fc.integer({ min: 1, max: 60 });

const refused = fc.record({
  is: fc.constant('refused' as const),
  code: refusal,
  leaves: fc.constantFrom('nothing' as const, 'a marker' as const),
});
type How = ModelFault['how'];

const fault: fc.Arbitrary<ModelFault> = fc.record({
  on: fc.constantFrom<ModelFault['on']>('any', 'read', 'write', 'write'),
  how: fc.oneof<fc.WeightedArbitrary<How>[]>(
    { weight: 2, arbitrary: refused },
    { weight: 1, arbitrary: fc.constant<How>({ is: 'request lost' }) },
    { weight: 2, arbitrary: fc.constant<How>({ is: 'answer lost' }) },
    { weight: 4, arbitrary: seconds.map((after) => ({ is: 'late', seconds: after })) },
    { weight: 1, arbitrary: seconds.map((after) => ({ is: 'slow', seconds: after })) },
  ),
});

const step = <Do extends ModelStep['do']>(
  name: Do,
  fields: { [K in Exclude<keyof Extract<ModelStep, { do: Do }>, 'do'>]: fc.Arbitrary<unknown> },
): fc.Arbitrary<ModelStep> => fc.record({ do: fc.constant(name), ...fields }) as never;

const weighted = (weight: number, arbitrary: fc.Arbitrary<ModelStep>): fc.WeightedArbitrary<ModelStep> => ({
  weight,
  arbitrary,
});

/** Steps that happen to a single database. */
const STEPS: readonly fc.WeightedArbitrary<ModelStep>[] = [
  weighted(24, step('work', { process, picks: fc.array(fc.nat(5), { minLength: 1, maxLength: 10, size: 'max' }) })),
  weighted(14, step('write', {})),
  weighted(4, step('write an old content again', { version: fc.nat(5) })),
  weighted(5, step('delete the version', {})),
  weighted(5, step('undelete the version', {})),
  weighted(1, step('destroy the version', {})),
  weighted(4, step('create the secret', {})),
  weighted(2, step('delete the secret', { retain: fc.boolean() })),
  weighted(1, step('disable the secret', {})),
  weighted(3, step('enable the secret', {})),
  weighted(8, step('add', { vault, onConflict })),
  weighted(5, step('remove', { vault, purge: fc.boolean() })),
  weighted(3, step('sync', { vault })),
  weighted(1, step('disable the profile', { vault })),
  weighted(3, step('enable the profile', { vault })),
  weighted(1, step('toggle repair', { vault })),
  weighted(9, step('foreign', { vault: outside, act: foreignAct })),
  weighted(14, step('fault', { vault, fault })),
  weighted(2, step('source fault', { code: refusal })),
  weighted(4, step('kill', { process })),
  weighted(2, step('lose the queue', {})),
  weighted(1, step('repeat the queue', {})),
  weighted(8, step('wait', { seconds: fc.constantFrom(1, 2, 10, 31, 46, 80, 400, 3_600) })),
  weighted(6, step('sweep', {})),
  weighted(5, step('verify', {})),
];

/** Steps that happen where the database stays what it is. */
const MOVES: readonly fc.WeightedArbitrary<ModelStep>[] = [
  weighted(12, step('change the source', { vault, onConflict, process })),
  weighted(2, step('overwrite the drift at the source', {})),
  weighted(10, step('go on', { turns: fc.integer({ min: 1, max: 40 }) })),
];

const RESTORES: readonly fc.WeightedArbitrary<ModelStep>[] = [
  weighted(8, step('back up', {})),
  weighted(5, step('restore', { as: fc.constantFrom('failover', 'clone') })),
  weighted(5, step('accept the database', {})),
];

/** What is so from the beginning of a run. */
export type ModelSetting = {
  readonly sourceKeepsVersions: boolean;
  /** Vaults that the secret is replicated to from the beginning. */
  readonly targets: readonly VaultIndex[];
};

export type ModelRun = { readonly setting: ModelSetting; readonly steps: readonly ModelStep[] };

/** Any run, of one of two kinds: the source of the secret is changed, or the database is put back to an earlier state. */
export function anyRun({ maxSteps, restores }: { maxSteps: number; restores: boolean }): fc.Arbitrary<ModelRun> {
  const steps = fc.oneof(...STEPS, ...(restores ? RESTORES : MOVES));
  return fc.record({
    setting: fc.record({
      sourceKeepsVersions: fc.boolean(),
      targets: fc.uniqueArray(outside, { maxLength: 3 }),
    }),
    steps: fc.array(steps, { minLength: 1, maxLength: maxSteps, size: 'max' }),
  });
}

/** A run as a person reads it, a line for each step. */
export function describeRun({ setting, steps }: ModelRun): string {
  const names = setting.targets.map((index) => VAULTS[index]).join(', ') || 'nowhere';
  const source = setting.sourceKeepsVersions ? 'with versions' : 'without versions';
  const lines = steps.map((one, index) => `${String(index + 1).padStart(3)}. ${describeStep(one)}`);
  return [`A secret at a source ${source}, replicated to: ${names}.`, ...lines].join('\n');
}

/** A step as a person reads it. */
export function describeStep(step: ModelStep): string {
  const { do: name, ...fields } = step;
  const said = Object.entries(fields).map(([key, value]) => {
    if (key === 'vault') return VAULTS[value as VaultIndex];
    if (key === 'fault') {
      const { on, how } = value as ModelFault;
      return `next ${on} is ${Object.values(how).join(' ')}`;
    }
    return key === 'act' ? String(value) : `${key} ${JSON.stringify(value)}`;
  });
  return said.length === 0 ? name : `${name}: ${said.join(', ')}`;
}
