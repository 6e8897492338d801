import { describe, expect, it } from '@jest/globals';
import { CHANGE_STATES, type ChangeState } from '@claviger/features/changes';
import { EVENT_TYPES, type EventType } from '@claviger/features/notifications';
import { TARGET_STATUSES, type TargetStatus } from '@claviger/features/replication';

/** On the way to another state within seconds, which is told. */
type Passing = 'passing';

type Told = EventType | Passing | readonly EventType[];

/** Whoever adds a state says here how somebody hears of it; docs/notifications.md says it to them. */
const OF_CHANGES: Readonly<Record<ChangeState, Told>> = {
  submitted: 'passing',
  pending_approval: 'approval.requested',
  approved: 'approval.decided',
  executing: 'passing',
  // What did not have to wait was answered with it; the events of its secret tell others.
  done: 'change.done',
  failed: 'change.failed',
  abandoned: 'change.abandoned',
  rejected: 'approval.decided',
  expired: 'approval.decided',
  cancelled: 'change.cancelled',
  stale: 'change.stale',
};

const OF_TARGETS: Readonly<Record<TargetStatus, Told>> = {
  in_sync: ['target.synced', 'target.recovered'],
  pending: 'passing',
  retrying: 'target.delayed',
  drifted: 'target.drifted',
  missing: 'target.drifted',
  foreign: 'target.blocked',
  blocked: 'target.blocked',
  paused: 'target.paused',
};

describe('events', () => {
  it.each([
    ['change', CHANGE_STATES, OF_CHANGES],
    ['target', TARGET_STATUSES, OF_TARGETS],
  ] as const)('of each %s are those of its states, and no others', (noun, states, told) => {
    const types = states.flatMap((state) => told[state as never] as Told);
    const known: readonly string[] = [...EVENT_TYPES, 'passing'];
    for (const type of types) expect(known).toContain(type);
    const own = EVENT_TYPES.filter((type) => type.startsWith(`${noun}.`));
    expect(own.filter((type) => !types.includes(type))).toEqual([]);
  });
});
