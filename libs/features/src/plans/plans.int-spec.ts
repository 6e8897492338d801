import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { creating, PlanRoom, writing } from '../../../testing/src/plan-room.js';
import { errorOf, mend } from '../../../testing/src/secret-faults.js';
import { AheadClock, json, OutsideKind } from '../../../testing/src/secret-room.js';

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

const codeOf = async (work: Promise<unknown>): Promise<string> => (await errorOf(work)).code;

describe('a new plan', () => {
  it('says what each item would do at each vault, and writes nothing', async () => {
    const [same, other] = [await room.secret('same', { syncProfiles: ['copy'] }), await room.secret('other')];
    await room.kv.write('occupied', { value: 'theirs' });
    const plan = await room.make([
      creating('fresh', { syncProfiles: ['copy'] }),
      writing(same, { value: 'one' }),
      writing(other, { value: 'two' }),
      creating('occupied'),
      creating('other'),
      { kind: 'secret.delete', secretId: await room.secret('doomed'), retain: false },
      creating('nowhere', { sourceProfile: 'missing' }),
    ]);
    expect(plan).toMatchObject({ state: 'ready', items: { total: 7, judged: 7, ended: 0 } });
    expect(plan.items.byAction).toEqual({ create: 1, 'no-op': 1, update: 1, conflict: 2, delete: 1, blocked: 1 });
    const items = await room.items(plan.id);
    expect(items.map(({ action, error }) => [action, error?.code ?? null])).toEqual([
      ['create', null],
      ['no-op', null],
      ['update', null],
      ['conflict', null],
      ['conflict', 'SECRET_EXISTS'],
      ['delete', null],
      ['blocked', 'VAULT_PROFILE_UNKNOWN'],
    ]);
    expect(items[0]!.plan).toEqual([
      { profile: 'kv', role: 'source', action: 'create', reason: expect.any(String) },
      { profile: 'copy', role: 'target', action: 'create', reason: expect.any(String) },
    ]);
    expect([await room.kv.read('fresh'), await room.kv.read('doomed')]).toEqual([undefined, { value: 'one' }]);
    expect(await room.secrets.rows(`select from secret where name = 'fresh'`)).toEqual([]);
  });

  it('keeps values sealed, and shows none', async () => {
    const canary = 'plan-canary-81c2';
    const plan = await room.make([creating('sealed', { content: json({ value: canary }) })]);
    const rows = await room.secrets.rows('select row_to_json(i)::text as row from plan_item i where plan_id = $1', [
      plan.id,
    ]);
    expect(JSON.stringify([rows, plan, await room.items(plan.id)])).not.toContain(canary);
    expect(Buffer.from(canary).toString('hex')).toBe('706c616e2d63616e6172792d38316332');
    expect(JSON.stringify(rows)).not.toContain('706c616e2d63616e617279');
  });

  it('needs the permission for plans, and judges items by those of its maker', async () => {
    const id = await room.secret('judged');
    const stranger = room.secrets.caller({ 'claviger/secrets/*': ['read'] });
    expect(await codeOf(room.make([writing(id, { value: 'two' })], stranger))).toBe('ACCESS_DENIED');
    const planner = room.secrets.caller({ 'claviger/plans/*': ['create'], 'claviger/secrets/*': ['read'] });
    const plan = await room.make([writing(id, { value: 'two' }), creating('not-allowed')], planner);
    const items = await room.plans.listItems(planner, plan.id, { limit: 10 });
    expect(items.map(({ action, error }) => [action, error?.code])).toEqual([
      ['blocked', 'ACCESS_DENIED'],
      ['blocked', 'ACCESS_DENIED'],
    ]);
  });

  it('has no two items about the same secret', async () => {
    const id = await room.secret('twice');
    const twice = room.make([writing(id, { value: 'two' }), { kind: 'secret.disable', secretId: id }]);
    expect(await codeOf(twice)).toBe('PLAN_ITEMS_OVERLAP');
    expect(await codeOf(room.make([creating('new'), creating('new')]))).toBe('PLAN_ITEMS_OVERLAP');
  });

  it('is one, however often its request is repeated', async () => {
    const attempt = { id: '0199aa00-0000-7000-8000-00000000aaaa', owner: 'x', granted: new Set<string>() };
    const again = { ...room.ctx, attempt };
    const first = await room.make([creating('repeated')], again);
    expect(await room.make([creating('repeated')], again)).toEqual(first);
    expect(await room.items(first.id)).toHaveLength(1);
  });

  it('is seen by its maker, and by who may read plans', async () => {
    const plan = await room.make([creating('seen')]);
    const stranger = room.secrets.caller({});
    expect(await codeOf(room.plans.get(stranger, plan.id))).toBe('PLAN_NOT_FOUND');
    expect(await codeOf(room.plans.cancel(stranger, plan.id))).toBe('PLAN_NOT_FOUND');
    expect(await codeOf(room.plans.apply(stranger, plan.id))).toBe('PLAN_NOT_FOUND');
    expect(await room.plans.list(stranger, { limit: 10 })).toEqual([]);
    const reader = room.secrets.caller({ 'claviger/plans/*': ['read', 'list'] });
    expect(await room.plans.get(reader, plan.id)).toMatchObject({ id: plan.id });
    expect((await room.plans.list(reader, { limit: 1 }))[0]).toMatchObject({ id: plan.id });
    expect(await codeOf(room.plans.apply(reader, plan.id))).toBe('PLAN_NOT_YOURS');
    expect(await codeOf(room.plans.cancel(reader, plan.id))).toBe('ACCESS_DENIED');
    const lesser = room.secrets.caller({ 'claviger/plans/*': ['read', 'list'] });
    const child = { ...lesser, actor: { ...lesser.actor, rootId: room.ctx.actor.rootId } };
    expect(await room.plans.get(child, plan.id)).toMatchObject({ id: plan.id });
    expect(await codeOf(room.plans.apply(child, plan.id))).toBe('ACCESS_DENIED');
    expect(await codeOf(room.plans.cancel(child, plan.id))).toBe('ACCESS_DENIED');
  });
});

describe('a plan that is not applied', () => {
  it('ends when it is cancelled, and its values are erased', async () => {
    const plan = await room.make([creating('cancelled')]);
    expect(await room.plans.cancel(room.ctx, plan.id)).toMatchObject({
      state: 'cancelled',
      items: { byState: { skipped: 1 } },
    });
    expect(await room.left(plan.id)).toBe(0);
    expect(await codeOf(room.plans.apply(room.ctx, plan.id))).toBe('PLAN_NOT_IN_STATE');
    expect(await codeOf(room.plans.cancel(room.ctx, plan.id))).toBe('PLAN_NOT_IN_STATE');
  });

  it('ends when its time is over, and is not applied from that moment on', async () => {
    const plan = await room.plans.create(room.ctx, { items: [creating('expired')], expiresInSeconds: 60 });
    clock.skip(60_000);
    expect(await codeOf(room.plans.apply(room.ctx, plan.id))).toBe('PLAN_NOT_IN_STATE');
    await room.sweep();
    expect(await room.plans.get(room.ctx, plan.id)).toMatchObject({ state: 'expired' });
    expect(await room.left(plan.id)).toBe(0);
  });

  it('is forgotten 30 days after its end', async () => {
    const plan = await room.make([creating('old')]);
    await room.plans.cancel(room.ctx, plan.id);
    clock.skip(31 * 86_400_000);
    await room.sweep();
    expect(await codeOf(room.plans.get(room.ctx, plan.id))).toBe('PLAN_NOT_FOUND');
  });
});

describe('a plan that takes long to judge', () => {
  it('is gone on with by a worker, with the same verdicts', async () => {
    const items = Array.from({ length: 20 }, (_, index) => creating(`long-${index}`));

    let calls = 0;
    room.kv.holds = () => {
      calls += 1;
      if (calls === 3) clock.skip(10_000);
      return undefined;
    };
    const plan = await room.make(items);
    expect(plan.state).toBe('judging');
    expect(await codeOf(room.plans.apply(room.ctx, plan.id))).toBe('PLAN_NOT_IN_STATE');
    await room.sweep();
    expect(await room.plans.get(room.ctx, plan.id)).toMatchObject({
      state: 'ready',
      items: { byAction: { create: 20 } },
    });
  });
});
