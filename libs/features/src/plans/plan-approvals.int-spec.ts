import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { systemContext, type RequestContext } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { ApprovalRoom } from '../../../testing/src/approval-room.js';
import { creating, writing } from '../../../testing/src/plan-room.js';
import { errorOf } from '../../../testing/src/secret-faults.js';
import { PlanService } from './plan.service.js';
import { PlanWorker } from './plan-worker.js';

let db: TestDatabase;
let room: ApprovalRoom;
let plans: PlanService;
let ada: RequestContext;
let job: RequestContext;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ApprovalRoom.create(db);
  ada = await room.principal('ada', { group: 'security' });
  await room.principal('bob', { group: 'security' });
  const steps = [{ groups: ['security'], votes: 1 }];
  await room.gated('gated', { kinds: ['create', 'content'], steps });
  plans = room.secrets.get(PlanService);
  job = systemContext({ requestId: 'job', storeId: room.ctx.storeId, job: 'plan.carry-on' });
});
afterAll(() => db.drop());

describe('a plan at a vault profile with approvals', () => {
  it('says what it would wait for, waits there when it is applied, and shows what has become of it', async () => {
    const id = await room.ungatedSecret('gated');
    const items = [creating('new', { sourceProfile: 'gated' }), writing(id, { value: 'two' })];
    const plan = await plans.create(room.ctx, { items });
    const shown = await plans.listItems(room.ctx, plan.id, { limit: 9 });
    expect(shown.map(({ action, waitsFor }) => [action, waitsFor])).toEqual([
      ['create', ['gated']],
      ['update', ['gated']],
    ]);
    await plans.apply(room.ctx, plan.id);
    await room.secrets.get(PlanWorker).carryOn(job, plan.id);
    expect(await plans.get(room.ctx, plan.id)).toMatchObject({
      state: 'applied',
      items: { byState: { pending_approval: 2 } },
    });
    const [, write] = await plans.listItems(room.ctx, plan.id, { limit: 9 });
    expect(await room.content(id)).toEqual({ value: 'one' });
    await room.approve(ada, write!.change!.id);
    expect(await room.content(id)).toEqual({ value: 'two' });
    expect((await plans.listItems(room.ctx, plan.id, { limit: 9 }))[1]).toMatchObject({
      state: 'pending_approval',
      change: { state: 'done' },
    });
  });

  it.each([
    [
      'the approval profile has changed',
      `with next as (
         insert into approval_profile_version select v.store_id, v.profile_id, v.version + 1, v.description, v.kinds, v.condition,
           v.steps, v.created_by, now()
         from approval_profile_version v join approval_profile p on p.id = v.profile_id and p.version = v.version
         where p.name = 'gated' returning 1)
       update approval_profile set version = version + 1 where name = 'gated'`,
    ],
    [
      'waiting is asked for',
      `update vault_profile set approval_profile = 'gated', revision = revision + 1 where name = 'open'`,
    ],
  ])('writes nothing when %s after the whole was accepted', async (_, change) => {
    await room.secrets.builtin('open').catch(() => undefined);
    const names = ['gated', 'open'].map((at) => [at, `late-${at}-${change.length}`] as const);
    const plan = await plans.create(room.ctx, {
      items: names.map(([sourceProfile, name]) => creating(name, { sourceProfile })),
    });
    await plans.apply(room.ctx, plan.id);
    await room.secrets.rows(change);
    room.secrets.clock.skip(1_001);
    await room.secrets.get(PlanWorker).carryOn(job, plan.id);
    const states = (await plans.listItems(room.ctx, plan.id, { limit: 9 })).map(({ state }) => state);
    expect(states).toEqual(change.includes('vault_profile') ? ['pending_approval', 'stale'] : ['stale', 'done']);
  });

  it('is stale when the approval profile has changed since', async () => {
    const items = [creating('later', { sourceProfile: 'gated' })];
    const plan = await plans.create(room.ctx, { items });
    await room.secrets.rows(
      `update vault_profile set approval_profile = null, revision = revision + 1 where name = 'gated'`,
    );
    room.secrets.clock.skip(1_001);
    expect(await errorOf(plans.apply(room.ctx, plan.id))).toMatchObject({ code: 'PLAN_STALE' });
  });
});
