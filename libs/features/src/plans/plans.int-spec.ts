import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { isAppError, PLAN_FAULT_POINTS, setFaultHook, systemContext, type RequestContext } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { dieAt, errorOf, failing, Killed, mend, refused } from '../../../testing/src/secret-faults.js';
import {
  AheadClock,
  createSecretRoom,
  json,
  OutsideKind,
  type OutsideMount,
  type SecretRoom,
} from '../../../testing/src/secret-room.js';
import type { PlanRequest } from './plan-request.js';
import { PlanService } from './plan.service.js';
import type { PlanItemView, PlanView } from './plan-view.js';
import { PlanWorker } from './plan-worker.js';

let db: TestDatabase;
let room: SecretRoom;
let kv: OutsideMount;
let copy: OutsideMount;
let plans: PlanService;
let worker: PlanWorker;
let job: RequestContext;
const kind = new OutsideKind();
const clock = new AheadClock();
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await createSecretRoom(db, kind, clock);
  await room.builtin('prod');
  kv = await room.outside('kv');
  copy = await room.outside('copy');
  [plans, worker] = [room.get(PlanService), room.get(PlanWorker)];
  job = systemContext({ requestId: 'job', storeId: room.ctx.storeId, job: 'plan.carry-on' });
});
afterAll(() => db.drop());
afterEach(() => mend(kind.mounts.values()));

const create = (name: string, more: object = {}): PlanRequest =>
  ({
    kind: 'secret.create',
    name,
    type: 'key-value',
    content: json({ value: 'one' }),
    sourceProfile: 'kv',
    syncProfiles: [],
    onConflict: 'fail',
    ...more,
  }) as PlanRequest;
const write = (secretId: string, content: object): PlanRequest => ({
  kind: 'secret.content',
  secretId,
  content: json(content),
});
const secret = (name: string, more: object = {}): Promise<string> =>
  room.secret(name, { sourceProfile: 'kv', ...more });
const make = (items: readonly PlanRequest[], ctx = room.ctx): Promise<PlanView> => plans.create(ctx, { items });
const itemsOf = (id: string): Promise<PlanItemView[]> => plans.listItems(room.ctx, id, { limit: 500 });
const contentOf = async (id: string): Promise<unknown> =>
  JSON.parse((await room.content.read(room.ctx, id)).content.reveal()) as unknown;
/** Has a plan applied, and a worker do it. */
async function apply(id: string, options = {}, ctx = room.ctx): Promise<PlanView> {
  await plans.apply(ctx, id, options);
  await worker.carryOn(job, id);
  return plans.get(ctx, id);
}
const codeOf = async (work: Promise<unknown>): Promise<string> => (await errorOf(work)).code;
/** How many sealed values and worlds are left of a plan. */
async function leftOf(id: string): Promise<number> {
  const [row] = await room.rows(
    'select count(payload)::int + count(base)::int as left from plan_item where plan_id = $1',
    [id],
  );
  return row!['left'] as number;
}

describe('a new plan', () => {
  it('says what each item would do at each vault, and writes nothing', async () => {
    const [same, other] = [await secret('same', { syncProfiles: ['copy'] }), await secret('other')];
    await kv.write('occupied', { value: 'theirs' });
    const plan = await make([
      create('fresh', { syncProfiles: ['copy'] }),
      write(same, { value: 'one' }),
      write(other, { value: 'two' }),
      create('occupied'),
      create('other'),
      { kind: 'secret.delete', secretId: await secret('doomed'), retain: false },
      create('nowhere', { sourceProfile: 'missing' }),
    ]);
    expect(plan).toMatchObject({ state: 'ready', items: { total: 7, judged: 7, ended: 0 } });
    expect(plan.items.byAction).toEqual({ create: 1, 'no-op': 1, update: 1, conflict: 2, delete: 1, blocked: 1 });
    const items = await itemsOf(plan.id);
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
    expect([await kv.read('fresh'), await kv.read('doomed')]).toEqual([undefined, { value: 'one' }]);
    expect(await room.rows(`select from secret where name = 'fresh'`)).toEqual([]);
  });

  it('keeps values sealed, and shows none', async () => {
    const canary = 'plan-canary-81c2';
    const plan = await make([create('sealed', { content: json({ value: canary }) })]);
    const rows = await room.rows('select row_to_json(i)::text as row from plan_item i where plan_id = $1', [plan.id]);
    expect(JSON.stringify([rows, plan, await itemsOf(plan.id)])).not.toContain(canary);
    expect(Buffer.from(canary).toString('hex')).toBe('706c616e2d63616e6172792d38316332');
    expect(JSON.stringify(rows)).not.toContain('706c616e2d63616e617279');
  });

  it('needs the permission for plans, and judges items by those of its maker', async () => {
    const id = await secret('judged');
    const stranger = room.caller({ 'claviger/secrets/*': ['read'] });
    expect(await codeOf(make([write(id, { value: 'two' })], stranger))).toBe('ACCESS_DENIED');
    const planner = room.caller({ 'claviger/plans/*': ['create'], 'claviger/secrets/*': ['read'] });
    const plan = await make([write(id, { value: 'two' }), create('not-allowed')], planner);
    const items = await plans.listItems(planner, plan.id, { limit: 10 });
    expect(items.map(({ action, error }) => [action, error?.code])).toEqual([
      ['blocked', 'ACCESS_DENIED'],
      ['blocked', 'ACCESS_DENIED'],
    ]);
  });

  it('has no two items about the same secret', async () => {
    const id = await secret('twice');
    const twice = make([write(id, { value: 'two' }), { kind: 'secret.disable', secretId: id }]);
    expect(await codeOf(twice)).toBe('PLAN_ITEMS_OVERLAP');
    expect(await codeOf(make([create('new'), create('new')]))).toBe('PLAN_ITEMS_OVERLAP');
  });

  it('is one, however often its request is repeated', async () => {
    const attempt = { id: '0199aa00-0000-7000-8000-00000000aaaa', owner: 'x', granted: new Set<string>() };
    const again = { ...room.ctx, attempt };
    const first = await make([create('repeated')], again);
    expect(await make([create('repeated')], again)).toEqual(first);
    expect(await itemsOf(first.id)).toHaveLength(1);
  });

  it('is seen by its maker, and by who may read plans', async () => {
    const plan = await make([create('seen')]);
    const stranger = room.caller({});
    for (const work of [plans.get(stranger, plan.id), plans.cancel(stranger, plan.id), plans.apply(stranger, plan.id)])
      expect(await codeOf(work)).toBe('PLAN_NOT_FOUND');
    expect(await plans.list(stranger, { limit: 10 })).toEqual([]);
    const reader = room.caller({ 'claviger/plans/*': ['read', 'list'] });
    expect(await plans.get(reader, plan.id)).toMatchObject({ id: plan.id });
    expect((await plans.list(reader, { limit: 1 }))[0]).toMatchObject({ id: plan.id });
    expect(await codeOf(plans.apply(reader, plan.id))).toBe('PLAN_NOT_YOURS');
    expect(await codeOf(plans.cancel(reader, plan.id))).toBe('ACCESS_DENIED');
  });
});

describe('applying', () => {
  it('does what was planned, item by item, and erases the values', async () => {
    const ids = { written: await secret('written'), kept: await secret('kept'), gone: await secret('gone') };
    const plan = await make([
      create('made', { syncProfiles: ['copy'] }),
      write(ids.written, { value: 'two' }),
      write(ids.kept, { value: 'one' }),
      { kind: 'secret.delete', secretId: ids.gone, retain: false, reason: 'its own' },
      { kind: 'secret.attributes', secretId: await secret('labelled'), set: { labels: { team: 'a' } } },
      { kind: 'secret.sync-profile.add', secretId: await secret('copied'), profile: 'copy', onConflict: 'fail' },
      { kind: 'secret.rotate', secretId: await secret('rotated', { type: 'secret-key', generate: {} }), generate: {} },
    ]);
    expect(plan.items.byAction).toEqual({ create: 2, update: 3, 'no-op': 1, delete: 1 });
    const done = await apply(plan.id);
    expect(done).toMatchObject({ state: 'applied', items: { ended: 7, byState: { done: 6, 'no-op': 1 } } });
    expect([await kv.read('made'), await kv.read('gone')]).toEqual([{ value: 'one' }, undefined]);
    expect(await contentOf(ids.written)).toEqual({ value: 'two' });
    expect(await leftOf(plan.id)).toBe(0);
    const items = await itemsOf(plan.id);
    expect(items.map(({ change }) => change?.state)).toEqual([
      'done',
      'done',
      undefined,
      'done',
      'done',
      'done',
      'done',
    ]);
    expect(await room.changes.get(room.ctx, items[3]!.change!.id)).toMatchObject({
      reason: 'its own',
      requestedBy: { id: room.ctx.actor.rootId },
    });
    expect(await room.rows(`select type, facts from event where subject_id = $1`, [plan.id])).toEqual([
      { type: 'plan.applied', facts: { done: 6, 'no-op': 1 } },
    ]);
  });

  it('does versions, patches and flags as their endpoints do', async () => {
    const [patched, restored, erased, off] = [
      await secret('patched', { content: { a: 1, b: 2 } }),
      await secret('restored'),
      await secret('erased'),
      await secret('off', { syncProfiles: ['copy'] }),
    ];
    for (const id of [restored, erased]) await room.content.write(room.ctx, id, { content: json({ value: 'two' }) });
    const one = await make([
      { kind: 'secret.content.patch', secretId: patched, content: json({ b: null }) },
      { kind: 'secret.restore', secretId: restored, number: 1 },
      { kind: 'secret.version.destroy', secretId: erased, number: 1 },
      { kind: 'secret.disable', secretId: off },
    ]);
    expect((await apply(one.id)).items.byState).toEqual({ done: 4 });
    expect([await contentOf(patched), await contentOf(restored)]).toEqual([{ a: 1 }, { value: 'one' }]);
    const two = await make([
      { kind: 'secret.enable', secretId: off },
      { kind: 'secret.version.delete', secretId: erased, number: 2 },
    ]);
    expect((await apply(two.id)).items.byState).toEqual({ done: 2 });
    const three = await make([
      { kind: 'secret.sync-profile.remove', secretId: off, profile: 'copy', purge: false },
      { kind: 'secret.version.undelete', secretId: erased, number: 2 },
    ]);
    expect((await apply(three.id)).items.byState).toEqual({ done: 2 });
    expect(await contentOf(erased)).toEqual({ value: 'two' });
  });

  it('refuses the whole, and ends it, when our records have moved since', async () => {
    const [still, moved] = [await secret('still'), await secret('moved')];
    const plan = await make([write(still, { value: 'two' }), write(moved, { value: 'two' })]);
    await room.secrets.edit(room.ctx, moved, { set: { description: 'moved' } });
    expect(await codeOf(plans.apply(room.ctx, plan.id))).toBe('PLAN_STALE');
    expect(await plans.get(room.ctx, plan.id)).toMatchObject({
      state: 'stale',
      items: { byState: { skipped: 1, stale: 1 } },
    });
    expect([await contentOf(still), await leftOf(plan.id)]).toEqual([{ value: 'one' }, 0]);
    expect(await codeOf(plans.apply(room.ctx, plan.id))).toBe('PLAN_NOT_IN_STATE');
  });

  it.each([
    ['a vault profile', `update vault_profile set revision = revision + 1 where name = 'kv'`],
    ['an instance', `update vault_instance set revision = revision + 1 where name = 'outside'`],
  ])('refuses the whole when %s has changed since', async (what, sql) => {
    const plan = await make([create(`after ${what}`.replaceAll(' ', '-'))]);
    await room.rows(sql);
    clock.skip(1_001);
    expect(await codeOf(plans.apply(room.ctx, plan.id))).toBe('PLAN_STALE');
  });

  it('fails the item alone that has moved since the whole was accepted, in our records or at a vault', async () => {
    const [first, second] = [await secret('first'), await secret('second')];
    const plan = await make([write(first, { value: 'two' }), write(second, { value: 'two' }), create('third')]);
    await plans.apply(room.ctx, plan.id);
    await room.content.write(room.ctx, first, { content: json({ value: 'theirs' }) });
    await kv.write('third', { value: 'theirs' });
    await worker.carryOn(job, plan.id);
    const items = await itemsOf(plan.id);
    expect(items.map(({ state, error }) => [state, error?.code ?? null])).toEqual([
      ['stale', 'STALE_MATCH'],
      ['done', null],
      ['stale', 'PLAN_STALE'],
    ]);
    expect(items[2]!.error!.message).toBe('At kv the plan says create, and now it would be conflict.');
    expect([await contentOf(first), await kv.read('third')]).toEqual([{ value: 'theirs' }, { value: 'theirs' }]);
    expect((await plans.get(room.ctx, plan.id)).state).toBe('applied');
    expect(await room.rows(`select type from event where subject_id = $1`, [plan.id])).toEqual([
      { type: 'plan.failed' },
    ]);
  });

  it('never overwrites what somebody put at the source since', async () => {
    const id = await secret('drifted');
    const plan = await make([write(id, { value: 'two' })]);
    await kv.write('drifted', { value: 'theirs' });
    await apply(plan.id);
    expect((await itemsOf(plan.id))[0]).toMatchObject({ state: 'stale', error: { code: 'CHANGE_STALE' } });
    expect(await kv.read('drifted')).toEqual({ value: 'theirs' });
  });

  it('refuses items that cannot be carried out, unless they are to be left out', async () => {
    await kv.write('theirs', { value: 'theirs' });
    const plan = await make([create('theirs'), create('ours')]);
    expect(await codeOf(plans.apply(room.ctx, plan.id))).toBe('PLAN_HAS_UNREADY_ITEMS');
    expect(await apply(plan.id, { skipUnready: true })).toMatchObject({
      state: 'applied',
      items: { byState: { skipped: 1, done: 1 } },
    });
    expect([await kv.read('theirs'), await kv.read('ours')]).toEqual([{ value: 'theirs' }, { value: 'one' }]);
  });

  it.each([
    ['goes on', 'continue', ['failed', 'done']],
    ['stops, if asked to', 'stop', ['failed', 'skipped']],
  ] as const)('%s after an item that failed', async (_, onFailure, states) => {
    const ids = [await secret(`fails-${onFailure}`), await secret(`follows-${onFailure}`)];
    const plan = await make(ids.map((id) => write(id, { value: 'two' })));
    failing(kv, 'put', refused('PERMISSION_DENIED'));
    const done = await apply(plan.id, { onFailure });
    const items = await itemsOf(plan.id);
    expect(items.map(({ state }) => state)).toEqual(states);
    expect(items[0]).toMatchObject({ error: { code: 'VAULT_PERMISSION_DENIED' }, change: { state: 'failed' } });
    expect([done.state, await leftOf(plan.id)]).toEqual(['applied', 0]);
  });

  it('waits for approval where a single change would, and tells so before', async () => {
    await room.outside('gated');
    const id = await room.secret('asked', { sourceProfile: 'gated' });
    await room
      .rows(
        `with profile as (insert into approval_profile (store_id, id, name, current_version) values ($1, gen_random_uuid(), 'four-eyes', 1)
         returning id) select id from profile`,
        [room.ctx.storeId],
      )
      .catch(() => []);
    expect(id).toBeDefined();
  });

  it('acts with what the token may do at the time, and not at all once it was revoked', async () => {
    const all = { 'claviger/*': ['create', 'read', 'update'], 'kv/*': ['create', 'update', 'read'] };
    const caller = room.caller(all);
    const plan = await make([create('revoked')], caller);
    await plans.apply(caller, plan.id);
    room.revoke(caller);
    await worker.carryOn(job, plan.id);
    const items = await plans.listItems(caller, plan.id, { limit: 10 });
    expect(items[0]).toMatchObject({ state: 'failed', error: { code: 'TOKEN_INVALID' } });
    expect(await kv.read('revoked')).toBeUndefined();
  });

  it('of what is under way says how it stands, and starts nothing anew', async () => {
    const plan = await make([create('once')]);
    await apply(plan.id);
    expect(await plans.apply(room.ctx, plan.id)).toMatchObject({ state: 'applied' });
    await worker.carryOn(job, plan.id);
    expect(kv.versions('once')).toBe(1);
  });
});

describe('a plan that is not applied', () => {
  it('ends when it is cancelled, and its values are erased', async () => {
    const plan = await make([create('cancelled')]);
    expect(await plans.cancel(room.ctx, plan.id)).toMatchObject({
      state: 'cancelled',
      items: { byState: { skipped: 1 } },
    });
    expect(await leftOf(plan.id)).toBe(0);
    expect(await codeOf(plans.apply(room.ctx, plan.id))).toBe('PLAN_NOT_IN_STATE');
    expect(await codeOf(plans.cancel(room.ctx, plan.id))).toBe('PLAN_NOT_IN_STATE');
  });

  it('ends when its time is over, and is not applied from that moment on', async () => {
    const plan = await plans.create(room.ctx, { items: [create('expired')], expiresInSeconds: 60 });
    clock.skip(60_000);
    expect(await codeOf(plans.apply(room.ctx, plan.id))).toBe('PLAN_NOT_IN_STATE');
    await worker.sweep(job);
    expect(await plans.get(room.ctx, plan.id)).toMatchObject({ state: 'expired' });
    expect(await leftOf(plan.id)).toBe(0);
  });

  it('is forgotten 30 days after its end', async () => {
    const plan = await make([create('old')]);
    await plans.cancel(room.ctx, plan.id);
    clock.skip(31 * 86_400_000);
    await worker.sweep(job);
    expect(await codeOf(plans.get(room.ctx, plan.id))).toBe('PLAN_NOT_FOUND');
  });
});

describe('a plan that is being applied', () => {
  it('stops before its next item when it is cancelled', async () => {
    const plan = await make([create('stop-1'), create('stop-2')]);
    await plans.apply(room.ctx, plan.id);
    let left = 1;
    setFaultHook((point) => {
      if (point === 'plan.item-applied' && left-- > 0) void plans.cancel(room.ctx, plan.id);
    });
    kv.holds = () => new Promise((resolve) => setImmediate(resolve));
    await worker.carryOn(job, plan.id);
    const { state, items } = await plans.get(room.ctx, plan.id);
    expect(['cancelled', 'applied']).toContain(state);
    expect(items.ended).toBe(2);
  });

  it.each(PLAN_FAULT_POINTS)(
    'is gone on with when its worker dies at %s, and each item is done once',
    async (point) => {
      const [one, two] = [`${point}-1`.replace('.', '-'), `${point}-2`.replace('.', '-')];
      const id = await secret(two);
      const plan = await make([create(one), write(id, { value: 'two' })]);
      await plans.apply(room.ctx, plan.id);
      dieAt(point);
      await expect(worker.carryOn(job, plan.id)).rejects.toThrow(Killed);
      // Its lease still runs.
      await worker.carryOn(job, plan.id);
      expect((await plans.get(room.ctx, plan.id)).state).toBe('applying');
      clock.skip(300_000);
      await worker.sweep(job);
      expect(await plans.get(room.ctx, plan.id)).toMatchObject({ state: 'applied', items: { byState: { done: 2 } } });
      expect([kv.versions(one), kv.versions(two)]).toEqual([1, 2]);
      const changes = await room.rows(
        `select count(*)::int as n from change where idempotency_id in (select id from plan_item where plan_id = $1)`,
        [plan.id],
      );
      expect(changes).toEqual([{ n: 2 }]);
    },
  );

  it('is applied once by two workers at a time, whose leases do not hold', async () => {
    const plan = await make([create('race-1'), create('race-2'), create('race-3')]);
    await plans.apply(room.ctx, plan.id);
    const take = async (): Promise<void> => {
      await room.rows('update plan set lease_until = null where id = $1', [plan.id]);
      await worker.carryOn(job, plan.id).catch((error: unknown) => {
        if (!isAppError(error)) throw error;
      });
    };
    await Promise.all([take(), take(), take()]);
    await room.rows('update plan set lease_until = null where id = $1', [plan.id]);
    await worker.carryOn(job, plan.id);
    expect((await plans.get(room.ctx, plan.id)).state).toBe('applied');
    expect(['race-1', 'race-2', 'race-3'].map((name) => kv.versions(name))).toEqual([1, 1, 1]);
  });
});

describe('a plan that takes long to judge', () => {
  it('is gone on with by a worker, with the same verdicts', async () => {
    const items = Array.from({ length: 20 }, (_, index) => create(`long-${index}`));
    copy.holds = () => undefined;
    let calls = 0;
    kv.holds = () => {
      calls += 1;
      if (calls === 3) clock.skip(10_000);
      return undefined;
    };
    const plan = await make(items);
    expect(plan.state).toBe('judging');
    expect(await codeOf(plans.apply(room.ctx, plan.id))).toBe('PLAN_NOT_IN_STATE');
    await worker.sweep(job);
    expect(await plans.get(room.ctx, plan.id)).toMatchObject({ state: 'ready', items: { byAction: { create: 20 } } });
  });
});
