import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '@claviger/testing';
import { StoredRoom } from '../../../../test/model/replication/stored-room.js';
import type { SyncTargetEntity } from './sync-target.entity.js';

const TWO = { version: 2, fingerprint: 'two', presence: 'present' } as const;

describe('TargetLedger', () => {
  const clock = new FakeClock();
  let room: StoredRoom;
  let secretId: string;

  beforeAll(async () => {
    room = await StoredRoom.open(clock);
  });
  beforeEach(async () => {
    secretId = await room.addSecret();
    room.wakeUps.length = 0;
  });
  afterAll(() => room.drop());

  const claimOne = async (): Promise<SyncTargetEntity> => {
    const claim = { owner: 'worker', now: clock.now(), until: room.at(45_000), lateUntil: room.at(75_000) };
    return (await room.targets.claim(room.ctx, secretId, claim)).targets[0] as SyncTargetEntity;
  };

  it('adds a target that is due at once and wakes the workers after the commit', async () => {
    await room.in(async (tx) => {
      await room.ledger.add(tx, {
        secretId,
        profileId: room.profileIds[0]!,
        physicalName: 'app/db',
        onConflict: 'overwrite',
        desired: TWO,
      });
      expect(room.wakeUps).toEqual([]);
    });
    expect(room.wakeUps).toEqual([{ secretId, lane: 'user' }]);
    expect(await claimOne()).toMatchObject({
      physicalName: 'app/db',
      onConflict: 'overwrite',
      desiredVersion: 2,
      ownership: 'none',
      observedPresence: 'unknown',
    });
  });

  it('wakes nobody when the transaction fails', async () => {
    const failing = room.in(async (tx) => {
      await room.ledger.resume(tx, secretId);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(room.wakeUps).toEqual([]);
  });

  it('refuses a second target of the same profile', async () => {
    await room.addTarget(secretId);
    await expect(room.addTarget(secretId)).rejects.toMatchObject({ code: 'TARGET_EXISTS', retryable: false });
  });

  it('refuses it for a moment only while the first is on its way out', async () => {
    await room.addTarget(secretId);
    await room.in((tx) => room.ledger.retire(tx, secretId, room.profileIds[0]!));
    await expect(room.addTarget(secretId)).rejects.toMatchObject({ code: 'TARGET_EXISTS', retryable: true });
  });

  it('desires new content of all targets but those on their way out, and counts all of them', async () => {
    await room.addTarget(secretId, 0);
    await room.addTarget(secretId, 1);
    await room.in((tx) => room.ledger.retire(tx, secretId, room.profileIds[1]!));
    expect(await room.in((tx) => room.ledger.desire(tx, secretId, TWO))).toBe(2);
    expect(await room.row(secretId, 0)).toMatchObject({ desiredVersion: 2, generation: '2', status: 'pending' });
    expect(await room.row(secretId, 1)).toMatchObject({ desiredVersion: 1, desiredPresence: 'absent' });
  });

  it('does not wake anybody for a secret without targets', async () => {
    expect(await room.in((tx) => room.ledger.desire(tx, secretId, TWO))).toBe(0);
    expect(room.wakeUps).toEqual([]);
  });

  it('keeps in mind what an attempt may have written when something else is desired', async () => {
    await room.addTarget(secretId);
    const unsettledUntil = room.at(75_000);
    await room.targets.settle(room.ctx, await claimOne(), { facts: { unsettledUntil }, verdict: { attempts: 3 } });
    await room.in((tx) => room.ledger.desire(tx, secretId, TWO));
    expect(await claimOne()).toMatchObject({ attempts: 0, unsettledUntil });
  });

  it('makes all targets of an enabled secret due again, even while a worker puts them to rest', async () => {
    await room.addTarget(secretId);
    const target = await claimOne();
    await room.in((tx) => room.ledger.resume(tx, secretId));
    const settlement = { facts: {}, verdict: { status: 'paused', nextAttemptAt: null } } as const;
    expect(await room.targets.settle(room.ctx, target, settlement)).toBe('superseded');
    expect(await claimOne()).toMatchObject({ status: 'pending' });
  });

  describe('forgetting', () => {
    const forget = (profileId?: string): Promise<readonly string[]> =>
      room.in((tx) => room.ledger.forget(tx, secretId, profileId));

    it('ends targets that nobody works on, and says whose places are free', async () => {
      await room.addTarget(secretId, 0);
      await room.addTarget(secretId, 1);
      expect(await forget(room.profileIds[0])).toEqual([room.profileIds[0]]);
      expect(await forget()).toEqual([room.profileIds[1]]);
      expect(await room.rows(secretId)).toEqual([]);
    });

    it('lets a target end only after the attempt that is under way, and keeps its place until then', async () => {
      await room.addTarget(secretId);
      const target = await claimOne();
      expect(await forget()).toEqual([]);
      expect(await room.targets.settle(room.ctx, target, { facts: {}, verdict: {} })).toBe('superseded');
      expect(await claimOne()).toMatchObject({ desiredPresence: 'retained' });
    });

    it('lets a target end only when nothing can arrive late any more', async () => {
      await room.addTarget(secretId);
      const facts = { unsettledUntil: room.at(75_000) };
      await room.targets.settle(room.ctx, await claimOne(), { facts, verdict: {} });
      expect(await forget()).toEqual([]);
      expect(await room.rows(secretId)).toHaveLength(1);
    });

    it('shows such a target to nobody, and no change brings it back', async () => {
      await room.addTarget(secretId);
      await claimOne();
      await forget();
      expect(await room.ledger.list(room.ctx, secretId)).toEqual([]);
      expect(await room.ledger.countByStatus(room.ctx, [secretId])).toEqual(new Map());
      expect(await room.in((tx) => room.ledger.desire(tx, secretId, TWO))).toBe(0);
      expect(await room.targets.count(room.ctx, secretId)).toBe(0);
      const [profileId] = room.profileIds as [string];
      await expect(room.in((tx) => room.ledger.retire(tx, secretId, profileId))).rejects.toMatchObject({
        code: 'TARGET_NOT_FOUND',
      });
      await expect(room.addTarget(secretId)).rejects.toMatchObject({ code: 'TARGET_EXISTS', retryable: true });
    });
  });

  it('counts the statuses of many secrets at once', async () => {
    const other = await room.addSecret();
    for (const index of [0, 1]) await room.addTarget(secretId, index);
    await room.addTarget(other);
    await room.set(other, { status: 'in_sync' });
    expect(await room.ledger.countByStatus(room.ctx, [secretId, other])).toEqual(
      new Map([
        [secretId, { pending: 2 }],
        [other, { in_sync: 1 }],
      ]),
    );
  });
});
