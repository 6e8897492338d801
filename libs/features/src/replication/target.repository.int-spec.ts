import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '@claviger/kernel';
import { FakeClock } from '@claviger/testing';
import { StoredRoom } from '../../../../test/model/replication/stored-room.js';
import type { Claim, Claimed, Settlement } from './target.repository.js';

const LEASE_MS = 45_000;
const LATE_MS = 75_000;
const NOTHING: Settlement = { facts: {}, verdict: {} };
const SYNCED: Settlement = {
  facts: { observedVersion: 1, observedFingerprint: 'one', observedPresence: 'present', ownership: 'marker' },
  verdict: { status: 'in_sync', nextAttemptAt: null, attempts: 0 },
};

describe('TargetRepository', () => {
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

  const claimAs = (owner: string): Claim => ({
    owner,
    now: clock.now(),
    until: room.at(LEASE_MS),
    lateUntil: room.at(LATE_MS),
  });
  const claim = (owner = newId()): Promise<Claimed> => room.targets.claim(room.ctx, secretId, claimAs(owner));
  const claimOne = async (): Promise<Claimed['targets'][number]> => (await claim()).targets[0]!;

  describe('claim', () => {
    it('gives the whole row, as TypeORM would', async () => {
      await room.addTarget(secretId);
      const target = await claimOne();
      expect(target).toEqual({ ...(await room.row(secretId)) });
      expect(target).toMatchObject({ desiredVersion: 1, generation: '1', attempts: 0, unsettledUntil: null });
    });

    it('takes all due targets of a secret and no others', async () => {
      for (const index of [0, 1, 2]) await room.addTarget(secretId, index);
      await room.addTarget(await room.addSecret());
      const later = room.at(1_000);
      await room.sql('update sync_target set next_attempt_at = $1 where profile_id = $2 and secret_id = $3', [
        later,
        room.profileIds[1],
        secretId,
      ]);
      const { targets } = await claim();
      expect(new Set(targets.map(({ profileId }) => profileId))).toEqual(
        new Set([room.profileIds[0], room.profileIds[2]]),
      );
    });

    it('never gives one target to two workers', async () => {
      for (const index of [0, 1, 2]) await room.addTarget(secretId, index);
      const claims = await Promise.all(Array.from({ length: 12 }, () => claim()));
      const held = claims.flatMap(({ targets }) => targets.map(({ profileId }) => profileId));
      expect(held.toSorted()).toEqual(room.profileIds.toSorted());
    });

    it('does not wait for a change of the secret that has not committed', async () => {
      await room.addTarget(secretId);
      await room.in(async (tx) => {
        await room.ledger.desire(tx, secretId, { version: 2, fingerprint: 'two', presence: 'present' });
        expect((await claim()).targets).toEqual([]);
      });
      expect((await claimOne()).desiredVersion).toBe(2);
    });

    it('takes a target whose lease is over, and counts an attempt of which nobody knows how far it came', async () => {
      await room.addTarget(secretId);
      await claim();
      await clock.advance(LEASE_MS);
      expect((await claim()).targets).toEqual([]);
      await clock.advance(1);
      const lateUntil = room.at(LATE_MS);
      expect(await claimOne()).toMatchObject({ attempts: 1, unsettledUntil: lateUntil });
    });

    it('says in which life of the database it was made, the same as the row was added in', async () => {
      await room.addTarget(secretId);
      const { epoch, targets } = await claim();
      const [{ system, timeline }] = (await room.sql<{ system: string; timeline: number }>(
        'select system_identifier::text as system, timeline_id as timeline from pg_control_system(), pg_control_checkpoint()',
      )) as [{ system: string; timeline: number }];
      expect(epoch).toBe(`${system}/${timeline.toString(16).toUpperCase().padStart(8, '0')}`);
      expect(targets[0]!.verifiedEpoch).toBe(epoch);
    });

    it('takes at once what a dead predecessor held, once its leases were ended', async () => {
      await room.addTarget(secretId);
      await claim();
      await room.targets.expireLeases(room.ctx, clock.now());
      await clock.advance(1);
      expect(await claimOne()).toMatchObject({ attempts: 1, unsettledUntil: room.at(LATE_MS) });
    });

    it('gives nothing while the database is not the accepted one', async () => {
      await room.addTarget(secretId);
      await room.sql(`update database_epoch set system_identifier = 'another'`);
      expect((await claim()).targets).toEqual([]);
      expect(await room.targets.findDue(room.ctx, room.at(1), room.at(1), 10)).toEqual([]);
      await room.sql(
        'update database_epoch set system_identifier = (select system_identifier::text from pg_control_system())',
      );
      expect((await claim()).targets).toHaveLength(1);
    });
  });

  describe('settle', () => {
    const events = () =>
      room.sql<{ type: string; facts: object }>('select type, facts from event where subject_id = $1 order by id', [
        secretId,
      ]);
    const fails = (code: string, status: 'blocked' | 'drifted' = 'blocked'): Settlement => ({
      facts: {},
      verdict: { status, errorCode: code, nextAttemptAt: clock.now() },
    });
    const settle = async (settlement: Settlement): Promise<void> => {
      await room.targets.settle(room.ctx, await claimOne(), settlement);
    };
    const SYNCED_DUE = { ...SYNCED, verdict: { ...SYNCED.verdict, nextAttemptAt: clock.now() } };

    it('tells what became of the target when that is news, once, and that it is over', async () => {
      await room.addTarget(secretId);
      await settle(SYNCED_DUE);
      await settle(fails('VAULT_PERMISSION_DENIED'));
      await settle(fails('VAULT_TOO_LARGE'));
      await settle({
        facts: {},
        verdict: { status: 'retrying', errorCode: 'VAULT_TIMEOUT', nextAttemptAt: clock.now() },
      });
      await settle(fails('VAULT_PERMISSION_DENIED'));
      await settle(fails('TARGET_CHANGED_AT_TARGET', 'drifted'));
      await settle(SYNCED_DUE);
      await settle(SYNCED_DUE);
      const profile = expect.any(String);
      expect(await events()).toEqual([
        { type: 'target.synced', facts: { profile, status: 'in_sync', version: 1 } },
        { type: 'target.blocked', facts: { profile, status: 'blocked', code: 'VAULT_PERMISSION_DENIED' } },
        { type: 'target.drifted', facts: { profile, status: 'drifted', code: 'TARGET_CHANGED_AT_TARGET' } },
        { type: 'target.recovered', facts: { profile, status: 'in_sync', version: 1 } },
      ]);
    });

    it('remembers what was told while something else is wanted, and tells nothing of what is wanted no more', async () => {
      await room.addTarget(secretId);
      await settle(fails('VAULT_TOO_LARGE'));
      const claimed = await claimOne();
      await room.in((tx) => room.ledger.desire(tx, secretId, { version: 2, fingerprint: 'two', presence: 'present' }));
      expect(await room.targets.settle(room.ctx, claimed, SYNCED)).toBe('superseded');
      expect(await events()).toHaveLength(1);
      await settle(fails('VAULT_TOO_LARGE'));
      expect(await events()).toHaveLength(1);
      await settle(SYNCED);
      expect((await events()).map(({ type }) => type)).toEqual(['target.blocked', 'target.recovered']);
    });

    it('tells of two secrets that are settled in one statement each its own', async () => {
      const other = await room.addSecret();
      await room.addTarget(secretId);
      await room.addTarget(other);
      const [mine, theirs] = [
        await claimOne(),
        (await room.targets.claim(room.ctx, other, claimAs(newId()))).targets[0]!,
      ];
      await Promise.all([
        room.targets.settle(room.ctx, mine, fails('VAULT_TOO_LARGE')),
        room.targets.settle(room.ctx, theirs, SYNCED),
      ]);
      expect(await events()).toMatchObject([{ type: 'target.blocked' }]);
      const theirEvents = await room.sql('select type from event where subject_id = $1', [other]);
      expect(theirEvents).toEqual([{ type: 'target.synced' }]);
    });

    it('stores everything and gives the lease back', async () => {
      await room.addTarget(secretId);
      expect(await room.targets.settle(room.ctx, await claimOne(), SYNCED)).toBe('settled');
      expect(await room.row(secretId)).toMatchObject({
        status: 'in_sync',
        ownership: 'marker',
        leaseOwner: null,
        leaseUntil: null,
      });
    });

    it('stores only the facts when something else is desired by now, and leaves the target due', async () => {
      await room.addTarget(secretId);
      const target = await claimOne();
      await room.in((tx) => room.ledger.desire(tx, secretId, { version: 2, fingerprint: 'two', presence: 'present' }));
      expect(await room.targets.settle(room.ctx, target, SYNCED)).toBe('superseded');
      expect(await room.row(secretId)).toMatchObject({
        status: 'pending',
        observedVersion: 1,
        ownership: 'marker',
        desiredVersion: 2,
        leaseOwner: null,
      });
      expect(await claimOne()).toMatchObject({ attempts: 0, unsettledUntil: null });
    });

    it('does not lose a request to repair that came meanwhile', async () => {
      await room.addTarget(secretId);
      const target = await claimOne();
      await room.in((tx) => room.targets.requestRepair(tx, secretId, room.profileIds[0]!, clock.now()));
      const verdict = { ...SYNCED.verdict, isLookDue: false, isRepairRequested: false };
      expect(await room.targets.settle(room.ctx, target, { ...SYNCED, verdict })).toBe('superseded');
      expect(await claimOne()).toMatchObject({ isLookDue: true, isRepairRequested: true });
    });

    it('stores nothing when somebody else has the lease', async () => {
      await room.addTarget(secretId);
      const target = await claimOne();
      await clock.advance(LEASE_MS + 1);
      const { leaseOwner } = await claimOne();
      expect(await room.targets.settle(room.ctx, target, SYNCED)).toBe('lost');
      expect(await room.row(secretId)).toMatchObject({ status: 'pending', leaseOwner });
    });
  });

  describe('remove', () => {
    it('removes a target that is still to go', async () => {
      await room.addTarget(secretId);
      const target = await claimOne();
      expect(await room.in((tx) => room.targets.remove(tx, target))).toBe(true);
      expect(await room.targets.count(room.ctx, secretId)).toBe(0);
    });

    it('keeps a target that something else is desired of by now', async () => {
      await room.addTarget(secretId);
      const target = await claimOne();
      await room.in((tx) => room.ledger.desire(tx, secretId, { version: 2, fingerprint: 'two', presence: 'present' }));
      expect(await room.in((tx) => room.targets.remove(tx, target))).toBe(false);
      expect(await room.targets.count(room.ctx, secretId)).toBe(1);
    });
  });

  describe('what schedules find', () => {
    const findDue = (limit = 10): Promise<{ secretId: string; priority: number }[]> =>
      room.targets.findDue(room.ctx, clock.now(), clock.now(), limit);
    const mine = async (): Promise<string[]> => (await findDue(1_000)).map((one) => one.secretId);

    beforeEach(() => room.sql('delete from sync_target'));

    it('is each secret with something due that nobody works on, once', async () => {
      for (const index of [0, 1]) await room.addTarget(secretId, index);
      expect(await mine()).toEqual([secretId]);
      await claim();
      expect(await mine()).toEqual([]);
      await clock.advance(LEASE_MS + 1);
      expect(await mine()).toEqual([secretId]);
    });

    it('is in the order of urgency', async () => {
      const lanes = { [await room.addSecret()]: 3, [await room.addSecret()]: 1, [await room.addSecret()]: 2 };
      for (const [id, priority] of Object.entries(lanes)) {
        await room.addTarget(id);
        await room.set(id, { priority });
      }
      expect((await findDue()).map(({ priority }) => priority)).toEqual([1, 2, 3]);
      expect(await findDue(1)).toHaveLength(1);
    });

    it('is what is to be verified, which is put off to the next time', async () => {
      await room.addTarget(secretId);
      const target = await claimOne();
      const nextVerifyAt = room.at(1_000);
      await room.targets.settle(room.ctx, target, { ...SYNCED, verdict: { ...SYNCED.verdict, nextVerifyAt } });
      const take = (): Promise<string[]> =>
        room.targets.takeDueVerifications(room.ctx, clock.now(), room.at(60_000), 10);
      expect(await take()).toEqual([]);
      await clock.advance(1_000);
      expect(await take()).toEqual([secretId]);
      expect(await take()).toEqual([]);
      expect(await room.row(secretId)).toMatchObject({
        isLookDue: true,
        nextAttemptAt: clock.now(),
        nextVerifyAt: room.at(60_000),
        priority: 3,
      });
    });

    it('is what a person has mended, once its profile or instance was changed', async () => {
      await room.addTarget(secretId);
      const verdict = { status: 'blocked', errorCode: 'VAULT_UNAUTHENTICATED', nextAttemptAt: null } as const;
      await room.targets.settle(room.ctx, await claimOne(), { facts: {}, verdict });
      await room.sql(`update sync_target set updated_at = now() + interval '10 minutes'`);
      const take = (): Promise<string[]> => room.targets.takeMended(room.ctx, clock.now(), 10);
      expect(await take()).toEqual([]);
      await room.sql(`update vault_instance set updated_at = now() + interval '20 minutes'`);
      expect(await take()).toEqual([secretId]);
      expect(await take()).toEqual([]);
      expect((await claimOne()).secretId).toBe(secretId);
    });

    it('counts each status of each profile, and since when the oldest is due', async () => {
      await room.addTarget(secretId);
      const due = clock.now();
      await clock.advance(5_000);
      const other = await room.addSecret();
      await room.addTarget(other);
      await room.set(other, { status: 'retrying', nextAttemptAt: room.at(60_000) });
      const [profileId] = room.profileIds;
      expect(await room.targets.summarise(room.ctx, clock.now())).toEqual([
        { profileId, status: 'pending', count: 1, oldestDueAt: due },
        { profileId, status: 'retrying', count: 1, oldestDueAt: null },
      ]);
    });
  });

  it('does not touch the targets of another store', async () => {
    await room.addTarget(secretId);
    const elsewhere = { ...room.ctx, storeId: newId() };
    expect((await room.targets.claim(elsewhere, secretId, claimAs('other'))).targets).toEqual([]);
    const target = await claimOne();
    expect(await room.targets.settle(room.ctx, { ...target, storeId: elsewhere.storeId }, NOTHING)).toBe('lost');
  });
});
