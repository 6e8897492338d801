import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { isAppError, PLAN_FAULT_POINTS } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { creating, PlanRoom, writing } from '../../../testing/src/plan-room.js';
import { dieAt, Killed, mend, recover } from '../../../testing/src/secret-faults.js';
import { AheadClock, OutsideKind } from '../../../testing/src/secret-room.js';

let db: TestDatabase;
let room: PlanRoom;
const kind = new OutsideKind();
const clock = new AheadClock();
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await PlanRoom.create(db, kind, clock);
});
afterAll(() => db.drop());
afterEach(() => mend(kind.mounts.values()));

describe('a plan that is being applied', () => {
  it('stops before its next item when it is cancelled', async () => {
    const plan = await room.make([creating('stop-1'), creating('stop-2')]);
    await room.plans.apply(room.ctx, plan.id);
    room.kv.holds = async (operation) => {
      if (operation === 'create') await room.plans.cancel(room.ctx, plan.id);
    };
    await room.worker.carryOn(room.job, plan.id);
    expect(await room.plans.get(room.ctx, plan.id)).toMatchObject({
      state: 'cancelled',
      items: { byState: { done: 1, skipped: 1 } },
    });
    expect([await room.kv.read('stop-1'), await room.kv.read('stop-2')]).toEqual([{ value: 'one' }, undefined]);
    expect(await room.left(plan.id)).toBe(0);
  });

  it('gives others a turn after a while, and goes on in its next one', async () => {
    const plan = await room.make([creating('turn-1'), creating('turn-2')]);
    await room.plans.apply(room.ctx, plan.id);
    room.kv.holds = async (operation) => {
      if (operation === 'create') clock.skip(15_000);
    };
    room.secrets.woken.length = 0;
    await room.worker.carryOn(room.job, plan.id);
    expect(room.secrets.woken).toEqual([plan.id]);
    expect(await room.plans.get(room.ctx, plan.id)).toMatchObject({
      state: 'applying',
      items: { byState: { done: 1, open: 1 } },
    });
    await room.worker.carryOn(room.job, plan.id);
    await room.worker.carryOn(room.job, plan.id);
    expect((await room.plans.get(room.ctx, plan.id)).state).toBe('applied');
  });

  it.each(PLAN_FAULT_POINTS)(
    'is gone on with when its worker dies at %s, and each item is done once',
    async (point) => {
      const [one, two] = [`${point}-1`.replace('.', '-'), `${point}-2`.replace('.', '-')];
      const id = await room.secret(two);
      const edited = await room.secret(`${one}-edited`);
      const plan = await room.make([
        { kind: 'secret.attributes', secretId: edited, set: { description: 'edited' } },
        creating(one),
        writing(id, { value: 'two' }),
      ]);
      await room.plans.apply(room.ctx, plan.id);
      dieAt(point);
      await expect(room.worker.carryOn(room.job, plan.id)).rejects.toThrow(Killed);
      // Its lease still runs.
      await room.worker.carryOn(room.job, plan.id);
      expect((await room.plans.get(room.ctx, plan.id)).state).toBe('applying');
      clock.skip(300_000);
      await room.sweep();
      expect(await room.plans.get(room.ctx, plan.id)).toMatchObject({
        state: 'applied',
        items: { byState: { done: 3 } },
      });
      expect([room.kv.versions(one), room.kv.versions(two)]).toEqual([1, 2]);
      const changes = await room.secrets.rows(
        `select count(*)::int as n from change where idempotency_id in (select id from plan_item where plan_id = $1)`,
        [plan.id],
      );
      expect(changes).toEqual([{ n: 3 }]);
    },
  );

  it.each(['change.begun', 'change.acted'] as const)(
    'whose worker dies at %s finds the change that it was making, and leaves it to recovery',
    async (point) => {
      const name = point.replace('.', '-');
      const plan = await room.make([creating(name), creating(`${name}-next`)]);
      await room.plans.apply(room.ctx, plan.id);
      dieAt(point);
      await expect(room.worker.carryOn(room.job, plan.id)).rejects.toThrow(Killed);
      clock.skip(300_000);
      await room.sweep();
      expect((await room.plans.get(room.ctx, plan.id)).items.byState).toEqual({ executing: 1, done: 1 });
      await recover(room.secrets);
      const [item] = await room.items(plan.id);
      expect(item).toMatchObject({ state: 'executing', change: { state: 'done' } });
      expect([room.kv.versions(name), await room.left(plan.id)]).toEqual([1, 0]);
    },
  );

  it('is applied once by two workers at a time, whose leases do not hold', async () => {
    const plan = await room.make([creating('race-1'), creating('race-2'), creating('race-3')]);
    await room.plans.apply(room.ctx, plan.id);
    const take = async (): Promise<void> => {
      await room.secrets.rows('update plan set lease_until = null where id = $1', [plan.id]);
      await room.worker.carryOn(room.job, plan.id).catch((error: unknown) => {
        if (!isAppError(error)) throw error;
      });
    };
    await Promise.all([take(), take(), take()]);
    await room.secrets.rows('update plan set lease_until = null where id = $1', [plan.id]);
    await room.worker.carryOn(room.job, plan.id);
    expect((await room.plans.get(room.ctx, plan.id)).state).toBe('applied');
    expect(['race-1', 'race-2', 'race-3'].map((name) => room.kv.versions(name))).toEqual([1, 1, 1]);
  });
});
