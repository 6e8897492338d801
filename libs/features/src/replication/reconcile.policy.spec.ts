import { describe, expect, it } from '@jest/globals';
import { decide, type SeenContent, type Sighting, type TargetAction, type TargetState } from './reconcile.policy.js';

type Changes = Omit<Partial<TargetState>, 'desired' | 'observed' | 'can'> & {
  readonly desired?: Partial<TargetState['desired']>;
  readonly observed?: Partial<TargetState['observed']>;
  readonly can?: Partial<TargetState['can']>;
};

/** A copy of ours that holds version 1 while version 2 is wanted, at a vault that can do everything. */
function state(changes: Changes = {}): TargetState {
  return {
    ownership: 'marker',
    mayHaveWritten: false,
    mayArriveLate: false,
    onConflict: 'fail',
    repairs: false,
    mustLook: false,
    mayBeRestored: false,
    ...changes,
    desired: { version: 2, fingerprint: 'two', presence: 'present', ...changes.desired },
    observed: { version: 1, fingerprint: 'one', presence: 'present', backendVersion: '7', ...changes.observed },
    can: { compareAndSet: true, softDelete: true, metadata: true, ...changes.can },
  };
}

const NEW = {
  ownership: 'none',
  observed: { version: null, fingerprint: null, presence: 'unknown', backendVersion: null },
} as const;
const SETTLED = { observed: { version: 2, fingerprint: 'two', presence: 'present', backendVersion: '8' } } as const;
const HIDDEN = { desired: { presence: 'hidden' } } as const;
const SETTLED_HIDDEN = { ...HIDDEN, observed: { ...SETTLED.observed, presence: 'hidden' } } as const;
const ABSENT = { desired: { presence: 'absent' } } as const;
/** A vault as KV version 1: it holds one content and nothing else. */
const PLAIN = {
  ownership: 'ledger',
  can: { compareAndSet: false, softDelete: false, metadata: false },
  observed: { version: 1, fingerprint: 'one', presence: 'present', backendVersion: null },
} as const;

const NOTHING: Sighting = { exists: false };
const HIDDEN_CONTENT: SeenContent = { is: 'hidden' };
const DESTROYED: SeenContent = { is: 'destroyed' };
const EMPTY: SeenContent = { is: 'none' };

function readable(fingerprint: string): SeenContent {
  return { is: 'readable', fingerprint, isKnown: ['one', 'two'].includes(fingerprint) };
}

function seen(
  content: SeenContent | string,
  {
    marker = 'ours',
    version = '8',
  }: { marker?: 'ours' | 'foreign' | 'unmarked'; version?: string | undefined | null } = {},
): Sighting {
  return {
    exists: true,
    marker,
    version: version ?? undefined,
    content: typeof content === 'string' ? readable(content) : content,
  };
}

const plain = (content: string): Sighting => seen(content, { marker: 'unmarked', version: null });
const foreign = (content: SeenContent | string): Sighting => seen(content, { marker: 'foreign' });
const unmarked = (content: SeenContent | string): Sighting => seen(content, { marker: 'unmarked' });

const LOOK: TargetAction = { do: 'look' };
const END: TargetAction = { do: 'end' };
const put = (changes: Partial<Extract<TargetAction, { do: 'put' }>> = {}): TargetAction => ({
  do: 'put',
  expected: '8',
  marks: false,
  lost: undefined,
  ...changes,
});
const stop = (status: string, reason: string, fingerprint?: string): TargetAction =>
  ({ do: 'stop', status, reason, ...(fingerprint === undefined ? {} : { fingerprint }) }) as TargetAction;
const record = (changes: Partial<Extract<TargetAction, { do: 'record' }>> = {}): TargetAction => ({
  do: 'record',
  backendVersion: '8',
  fingerprint: 'two',
  ownership: 'marker',
  how: 'value',
  ...changes,
});

type Row = readonly [does: string, changes: Changes, seen: Sighting | undefined, action: TargetAction];

const withoutLooking: readonly Row[] = [
  ['writes by compare-and-set', {}, undefined, put({ expected: '7' })],
  ['looks when the vault has no compare-and-set', PLAIN, undefined, LOOK],
  ['creates what it never wrote', NEW, undefined, { do: 'create' }],
  ['looks at what it never wrote and must not show', { ...NEW, ...HIDDEN }, undefined, LOOK],
  ['records what is as desired', SETTLED, undefined, record({ how: 'none' })],
  [
    'records a new version of the content that is there only after looking',
    { observed: { fingerprint: 'two' } },
    undefined,
    LOOK,
  ],
  ['looks when told to', { ...SETTLED, mustLook: true }, undefined, LOOK],
  ['looks after an attempt without an outcome', { mayHaveWritten: true }, undefined, LOOK],
  ['looks before the first write after such an attempt', { ...NEW, mayHaveWritten: true }, undefined, LOOK],
  ['looks before hiding', HIDDEN, undefined, LOOK],
  ['looks when nothing is known to compare with', { observed: { backendVersion: null } }, undefined, LOOK],
  ['looks when our object may lack its marker', { ownership: 'ledger' }, undefined, LOOK],
  [
    'writes by compare-and-set where nothing can be marked',
    { ownership: 'ledger', can: { metadata: false } },
    undefined,
    put({ expected: '7' }),
  ],
  ['ends what it never wrote', { ...NEW, ...ABSENT }, undefined, END],
  ['looks before removing', ABSENT, undefined, LOOK],
  ['looks for what it may have written before it ends', { ...NEW, ...ABSENT, mayHaveWritten: true }, undefined, LOOK],
];

const present: readonly Row[] = [
  ['records what is equal', {}, seen('two'), record()],
  ['records what an attempt without an outcome wrote', { ...NEW, mayHaveWritten: true }, seen('two'), record()],
  ['goes over an older version of its own', {}, seen('one'), put()],
  ['goes over foreign content with a new version and says what was lost', {}, seen('theirs'), put({ lost: 'theirs' })],
  ['without compare-and-set writes unconditionally', PLAIN, plain('one'), put({ expected: undefined })],
  ['reports drift when nothing new is wanted', SETTLED, seen('theirs'), stop('drifted', 'changed_at_target', 'theirs')],
  [
    'reports an older version that somebody put back',
    SETTLED,
    seen('one'),
    stop('drifted', 'changed_at_target', 'one'),
  ],
  ['repairs drift when asked', { ...SETTLED, repairs: true }, seen('theirs'), put({ lost: 'theirs' })],
  [
    'takes an older version after an attempt without an outcome for its own',
    { ...SETTLED, mayHaveWritten: true },
    seen('one'),
    put(),
  ],
  [
    'takes foreign content after such an attempt for drift all the same',
    { ...SETTLED, mayHaveWritten: true },
    seen('theirs'),
    stop('drifted', 'changed_at_target', 'theirs'),
  ],
  ['reports a missing copy', SETTLED, NOTHING, stop('missing', 'removed_at_target')],
  ['writes a missing copy again when asked', { ...SETTLED, repairs: true }, NOTHING, { do: 'create' }],
  ['writes a missing copy again for a new version', {}, NOTHING, { do: 'create' }],
  ['fills an object that has only our marker', NEW, seen(EMPTY, { version: null }), put({ expected: undefined })],
  ['reports a hidden copy', SETTLED, seen(HIDDEN_CONTENT), stop('drifted', 'hidden_at_target')],
  [
    'brings a hidden copy back when asked',
    { ...SETTLED, repairs: true },
    seen(HIDDEN_CONTENT),
    { do: 'unhide', backendVersion: '8' },
  ],
  [
    'brings back what it had hidden',
    { observed: { ...SETTLED.observed, presence: 'hidden' } },
    seen(HIDDEN_CONTENT),
    { do: 'unhide', backendVersion: '8' },
  ],
  ['writes anew what somebody destroyed', { ...SETTLED, repairs: true }, seen(DESTROYED), put()],
  [
    'goes over a hidden older version with a new one',
    {},
    seen(HIDDEN_CONTENT, { version: '7' }),
    put({ expected: '7' }),
  ],
  [
    'does not bring back a hidden version that is not the one wanted',
    { ...SETTLED, repairs: true },
    seen(HIDDEN_CONTENT, { version: '9' }),
    put({ expected: '9' }),
  ],
];

const ownership: readonly Row[] = [
  ['refuses a place with something foreign', NEW, foreign('theirs'), stop('foreign', 'not_ours')],
  ['refuses a place with something unmarked', NEW, unmarked('theirs'), stop('foreign', 'not_ours')],
  ['refuses a place with foreign metadata only', NEW, unmarked(EMPTY), stop('foreign', 'not_ours')],
  ['refuses an equal object that is not ours', NEW, unmarked('two'), stop('foreign', 'not_ours')],
  ['adopts an equal object if told to', { ...NEW, onConflict: 'adopt-if-equal' }, unmarked('two'), { do: 'adopt' }],
  [
    'does not adopt one that differs',
    { ...NEW, onConflict: 'adopt-if-equal' },
    unmarked('theirs'),
    stop('foreign', 'differs_from_adopted'),
  ],
  [
    'overwrites and marks if told to',
    { ...NEW, onConflict: 'overwrite' },
    foreign('theirs'),
    put({ marks: true, lost: 'theirs' }),
  ],
  ['does not write what is equal even then', { ...NEW, onConflict: 'overwrite' }, foreign('two'), { do: 'adopt' }],
  [
    'stays away from what took the place of its copy',
    { onConflict: 'overwrite', repairs: true },
    foreign('theirs'),
    stop('foreign', 'not_ours'),
  ],
  ['stays away from an unmarked object with foreign content', {}, unmarked('theirs'), stop('foreign', 'not_ours')],
  ['marks its copy again when the marker was lost', SETTLED, unmarked('two'), { do: 'adopt' }],
  ['marks its older copy again with the new version', {}, unmarked('one'), put({ marks: true })],
  [
    'marks what only the ledger knew, once the vault can hold markers',
    { ...SETTLED, ownership: 'ledger' },
    unmarked('two'),
    { do: 'adopt' },
  ],
  [
    'trusts the ledger where the vault holds no markers',
    PLAIN,
    plain('theirs'),
    put({ expected: undefined, lost: 'theirs' }),
  ],
  [
    'refuses content at a plain vault that it never wrote',
    { ...PLAIN, ...NEW },
    plain('theirs'),
    stop('foreign', 'not_ours'),
  ],
  [
    'recognises at a plain vault what an attempt without an outcome wrote',
    { ...PLAIN, ...NEW, mayHaveWritten: true },
    plain('one'),
    put({ expected: undefined }),
  ],
  ['takes a retained copy of a known version for its own', NEW, seen('one'), put()],
  ['takes a retained copy with foreign content for foreign', NEW, seen('theirs'), stop('foreign', 'not_ours')],
];

const hidden: readonly Row[] = [
  ['hides what can be read', HIDDEN, seen('one'), { do: 'hide', backendVersion: '8', fingerprint: 'one' }],
  [
    'records what is hidden already',
    { ...HIDDEN, observed: { backendVersion: '8' } },
    seen(HIDDEN_CONTENT),
    record({ how: 'metadata', fingerprint: 'one' }),
  ],
  [
    'records a hidden version of which it knows nothing',
    HIDDEN,
    seen(HIDDEN_CONTENT, { version: '9' }),
    record({ how: 'metadata', fingerprint: null, backendVersion: '9' }),
  ],
  [
    'records that nothing is there',
    HIDDEN,
    NOTHING,
    record({ how: 'metadata', fingerprint: null, backendVersion: undefined }),
  ],
  ['says when the vault cannot hide', { ...PLAIN, ...HIDDEN }, plain('one'), stop('blocked', 'cannot_hide')],
  [
    'refuses to hide what is foreign',
    { ...NEW, ...HIDDEN, onConflict: 'overwrite' },
    foreign('theirs'),
    stop('foreign', 'not_ours'),
  ],
  [
    'reports a version that somebody brought back',
    SETTLED_HIDDEN,
    seen('two'),
    stop('drifted', 'shown_at_target', 'two'),
  ],
  [
    'hides it again when asked',
    { ...SETTLED_HIDDEN, repairs: true },
    seen('two'),
    { do: 'hide', backendVersion: '8', fingerprint: 'two' },
  ],
];

const absent: readonly Row[] = [
  ['removes what is marked ours, whatever it holds', ABSENT, seen('theirs'), { do: 'purge' }],
  [
    'removes what an attempt without an outcome wrote',
    { ...NEW, ...ABSENT, mayHaveWritten: true },
    seen('one'),
    { do: 'purge' },
  ],
  [
    'removes an object that has only our marker',
    { ...NEW, ...ABSENT, mayHaveWritten: true },
    seen(EMPTY, { version: null }),
    { do: 'purge' },
  ],
  ['leaves what is foreign', ABSENT, foreign('theirs'), stop('foreign', 'not_ours')],
  ['leaves what lost our marker and is not ours', ABSENT, unmarked('theirs'), stop('foreign', 'not_ours')],
  ['removes what lost our marker and is ours', ABSENT, unmarked('one'), { do: 'purge' }],
  [
    'ends beside what is foreign and was never ours',
    { ...NEW, ...ABSENT, mayHaveWritten: true },
    foreign('theirs'),
    END,
  ],
  ['removes a known version at a plain vault', { ...PLAIN, ...ABSENT }, plain('one'), { do: 'purge' }],
  [
    'does not remove foreign content at a plain vault',
    { ...PLAIN, ...ABSENT },
    plain('theirs'),
    stop('drifted', 'changed_at_target', 'theirs'),
  ],
  ['removes it when asked', { ...PLAIN, ...ABSENT, repairs: true }, plain('theirs'), { do: 'purge' }],
  ['ends when nothing is there', ABSENT, NOTHING, END],
  [
    'waits for what may still arrive',
    { ...ABSENT, mayHaveWritten: true, mayArriveLate: true },
    NOTHING,
    { do: 'wait' },
  ],
];

const RESTORED = { mustLook: true, mayBeRestored: true } as const;
const paused = (fingerprint?: string): TargetAction => stop('paused', 'restored', fingerprint);

const restored: readonly Row[] = [
  ['looks first', RESTORED, undefined, LOOK],
  ['goes on where the place is as the ledger left it', RESTORED, seen('one', { version: '7' }), put({ expected: '7' })],
  ['records what is equal', RESTORED, seen('two', { version: '12' }), record({ backendVersion: '12' })],
  ['does not go over content that no version knows', RESTORED, seen('theirs'), paused('theirs')],
  ['does not go over a newer version with known content', RESTORED, seen('one', { version: '9' }), paused('one')],
  [
    'does not go over an older version that somebody put back',
    { ...RESTORED, ...SETTLED, repairs: true },
    seen('one', { version: '9' }),
    paused('one'),
  ],
  ['does not go over a newer hidden version', RESTORED, seen(HIDDEN_CONTENT, { version: '9' }), paused()],
  ['does not write what was removed', RESTORED, NOTHING, paused()],
  ['does not remove newer content', { ...RESTORED, ...ABSENT }, seen('theirs'), paused('theirs')],
  ['does not hide newer content', { ...RESTORED, ...HIDDEN }, seen('theirs'), paused('theirs')],
  ['creates where nothing ever was', { ...RESTORED, ...NEW }, NOTHING, { do: 'create' }],
  [
    'does not overwrite a place that it may have filled since',
    { ...RESTORED, ...NEW, onConflict: 'overwrite' },
    seen('theirs'),
    paused('theirs'),
  ],
  [
    'recognises what an attempt without an outcome wrote',
    { ...RESTORED, mayHaveWritten: true },
    seen('one', { version: '9' }),
    put({ expected: '9' }),
  ],
];

describe.each([
  ['before it has looked', withoutLooking],
  ['when content is wanted', present],
  ['about who owns the place', ownership],
  ['when the version is deleted', hidden],
  ['when the copy is to go', absent],
  ['with a database that may be restored', restored],
])('a target %s', (_, rows) => {
  it.each(rows)('%s', (_does, changes, sighting, action) => {
    expect(decide(state(changes), sighting)).toEqual(action);
  });
});
