import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { movingIn } from '../../../testing/src/moving-room.js';
import { creating, PlanRoom, writing } from '../../../testing/src/plan-room.js';
import { errorOf, failing, mend, refused } from '../../../testing/src/secret-faults.js';
import { AheadClock, json, OutsideKind } from '../../../testing/src/secret-room.js';
import { PlanRepository } from './plan.repository.js';

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

describe('applying', () => {
  it('does what was planned, item by item, and erases the values', async () => {
    const ids = {
      written: await room.secret('written'),
      kept: await room.secret('kept'),
      gone: await room.secret('gone'),
    };
    const plan = await room.make([
      creating('made', { syncProfiles: ['copy'] }),
      writing(ids.written, { value: 'two' }),
      writing(ids.kept, { value: 'one' }),
      { kind: 'secret.delete', secretId: ids.gone, retain: false, reason: 'its own' },
      { kind: 'secret.attributes', secretId: await room.secret('labelled'), set: { labels: { team: 'a' } } },
      { kind: 'secret.sync-profile.add', secretId: await room.secret('copied'), profile: 'copy', onConflict: 'fail' },
      {
        kind: 'secret.rotate',
        secretId: await room.secret('rotated', { type: 'secret-key', generate: {} }),
        generate: {},
      },
    ]);
    expect(plan.items.byAction).toEqual({ create: 2, update: 3, 'no-op': 1, delete: 1 });
    const done = await room.apply(plan.id);
    expect(done).toMatchObject({ state: 'applied', items: { ended: 7, byState: { done: 6, 'no-op': 1 } } });
    expect([await room.kv.read('made'), await room.kv.read('gone')]).toEqual([{ value: 'one' }, undefined]);
    expect(await room.content(ids.written)).toEqual({ value: 'two' });
    expect(await room.left(plan.id)).toBe(0);
    const items = await room.items(plan.id);
    expect(items[0]!.secretId).toEqual(expect.any(String));
    expect(items.map(({ change }) => change?.state)).toEqual([
      'done',
      'done',
      undefined,
      'done',
      'done',
      'done',
      'done',
    ]);
    expect(await room.secrets.changes.get(room.ctx, items[3]!.change!.id)).toMatchObject({
      reason: 'its own',
      requestedBy: { id: room.ctx.actor.rootId },
    });
    expect(await room.secrets.rows(`select type, facts from event where subject_id = $1`, [plan.id])).toEqual([
      { type: 'plan.applied', facts: { done: 6, 'no-op': 1 } },
    ]);
  });

  it('does versions, patches and flags as their endpoints do', async () => {
    const [patched, restored, erased, off] = [
      await room.secret('patched', { content: { a: 1, b: 2 } }),
      await room.secret('restored'),
      await room.secret('erased'),
      await room.secret('off', { syncProfiles: ['copy'] }),
    ];
    for (const id of [restored, erased])
      await room.secrets.content.write(room.ctx, id, { content: json({ value: 'two' }) });
    const one = await room.make([
      { kind: 'secret.content.patch', secretId: patched, content: json({ b: null }) },
      { kind: 'secret.restore', secretId: restored, number: 1 },
      { kind: 'secret.version.destroy', secretId: erased, number: 1 },
      { kind: 'secret.disable', secretId: off },
    ]);
    expect((await room.apply(one.id)).items.byState).toEqual({ done: 4 });
    expect([await room.content(patched), await room.content(restored)]).toEqual([{ a: 1 }, { value: 'one' }]);
    const two = await room.make([
      { kind: 'secret.enable', secretId: off },
      { kind: 'secret.version.delete', secretId: erased, number: 2 },
    ]);
    expect((await room.apply(two.id)).items.byState).toEqual({ done: 2 });
    const three = await room.make([
      { kind: 'secret.sync-profile.remove', secretId: off, profile: 'copy', purge: false },
      { kind: 'secret.version.undelete', secretId: erased, number: 2 },
    ]);
    expect((await room.apply(three.id)).items.byState).toEqual({ done: 2 });
    expect(await room.content(erased)).toEqual({ value: 'two' });
  });

  it('moves a secret to a profile that holds it already, and says when it is there', async () => {
    const secretId = await room.secret('moving', { syncProfiles: ['copy'] });
    const { acceptDatabase, working } = movingIn(() => room.secrets);
    await acceptDatabase();
    await room.secrets.reconciler.reconcile(room.ctx, secretId);
    const plan = await room.make([{ kind: 'secret.source-profile', secretId, profile: 'copy', onConflict: 'fail' }]);
    expect((await room.items(plan.id))[0]).toMatchObject({ action: 'update' });
    expect((await working(secretId, room.apply(plan.id))).items.byState).toEqual({ done: 1 });
    const again = await room.make([{ kind: 'secret.source-profile', secretId, profile: 'copy', onConflict: 'fail' }]);
    expect((await room.items(again.id))[0]).toMatchObject({ action: 'conflict', error: { code: 'ALREADY_SOURCE' } });
  });

  it('refuses the whole, and ends it, when our records have moved since', async () => {
    const [still, moved] = [await room.secret('still'), await room.secret('moved')];
    const plan = await room.make([writing(still, { value: 'two' }), writing(moved, { value: 'two' })]);
    await room.secrets.secrets.edit(room.ctx, moved, { set: { description: 'moved' } });
    expect(await codeOf(room.plans.apply(room.ctx, plan.id))).toBe('PLAN_STALE');
    expect(await room.plans.get(room.ctx, plan.id)).toMatchObject({
      state: 'stale',
      items: { byState: { skipped: 1, stale: 1 } },
    });
    expect([await room.content(still), await room.left(plan.id)]).toEqual([{ value: 'one' }, 0]);
    expect(await codeOf(room.plans.apply(room.ctx, plan.id))).toBe('PLAN_NOT_IN_STATE');
  });

  it.each([
    ['a vault profile', `update vault_profile set revision = revision + 1 where name = 'kv'`],
    ['an instance', `update vault_instance set revision = revision + 1 where name = 'outside'`],
  ])('refuses the whole when %s has changed since', async (what, sql) => {
    const plan = await room.make([creating(`after ${what}`.replaceAll(' ', '-'))]);
    await room.secrets.rows(sql);
    clock.skip(1_001);
    expect(await codeOf(room.plans.apply(room.ctx, plan.id))).toBe('PLAN_STALE');
  });

  it('fails the item alone that has moved since the whole was accepted, in our records or at a vault', async () => {
    const [first, second] = [await room.secret('first'), await room.secret('second')];
    const plan = await room.make([
      writing(first, { value: 'two' }),
      writing(second, { value: 'two' }),
      creating('third'),
    ]);
    await room.plans.apply(room.ctx, plan.id);
    await room.secrets.content.write(room.ctx, first, { content: json({ value: 'theirs' }) });
    await room.kv.write('third', { value: 'theirs' });
    await room.worker.carryOn(room.job, plan.id);
    const items = await room.items(plan.id);
    expect(items.map(({ state, error }) => [state, error?.code ?? null])).toEqual([
      ['stale', 'STALE_MATCH'],
      ['done', null],
      ['stale', 'PLAN_STALE'],
    ]);
    expect(items[2]!.error!.message).toBe('At kv the plan says create, and now it would be conflict.');
    expect([await room.content(first), await room.kv.read('third')]).toEqual([
      { value: 'theirs' },
      { value: 'theirs' },
    ]);
    expect((await room.plans.get(room.ctx, plan.id)).state).toBe('applied');
    expect(await room.secrets.rows(`select type from event where subject_id = $1`, [plan.id])).toEqual([
      { type: 'plan.failed' },
    ]);
  });

  it('fails an item alone whose profile has changed since the whole was accepted', async () => {
    const plan = await room.make([creating('before-its-turn')]);
    await room.plans.apply(room.ctx, plan.id);
    await room.secrets.profiles.update(room.ctx, 'kv', { description: 'another one' });
    await room.worker.carryOn(room.job, plan.id);
    expect((await room.items(plan.id))[0]).toMatchObject({ state: 'stale', error: { code: 'PLAN_STALE' } });
    expect(await room.kv.read('before-its-turn')).toBeUndefined();
  });

  it('never overwrites what somebody put at the source since', async () => {
    const id = await room.secret('drifted');
    const plan = await room.make([writing(id, { value: 'two' })]);
    await room.kv.write('drifted', { value: 'theirs' });
    await room.apply(plan.id);
    expect((await room.items(plan.id))[0]).toMatchObject({ state: 'stale', error: { code: 'CHANGE_STALE' } });
    expect(await room.kv.read('drifted')).toEqual({ value: 'theirs' });
  });

  it('refuses items that cannot be carried out, unless they are to be left out', async () => {
    await room.kv.write('theirs', { value: 'theirs' });
    const plan = await room.make([creating('theirs'), creating('ours')]);
    expect(await codeOf(room.plans.apply(room.ctx, plan.id))).toBe('PLAN_HAS_UNREADY_ITEMS');
    expect(await room.apply(plan.id, { skipUnready: true })).toMatchObject({
      state: 'applied',
      items: { byState: { skipped: 1, done: 1 } },
    });
    expect([await room.kv.read('theirs'), await room.kv.read('ours')]).toEqual([{ value: 'theirs' }, { value: 'one' }]);
  });

  it.each([
    ['goes on', 'continue', ['failed', 'done']],
    ['stops, if asked to', 'stop', ['failed', 'skipped']],
  ] as const)('%s after an item that failed', async (_, onFailure, states) => {
    const ids = [await room.secret(`fails-${onFailure}`), await room.secret(`follows-${onFailure}`)];
    const plan = await room.make(ids.map((id) => writing(id, { value: 'two' })));
    failing(room.kv, 'put', refused('PERMISSION_DENIED'));
    const done = await room.apply(plan.id, { onFailure });
    const items = await room.items(plan.id);
    expect(items.map(({ state }) => state)).toEqual(states);
    expect(items[0]).toMatchObject({ error: { code: 'VAULT_PERMISSION_DENIED' }, change: { state: 'failed' } });
    expect([done.state, await room.left(plan.id)]).toEqual(['applied', 0]);
  });

  it('acts with what the token may do at the time, and not at all once it was revoked', async () => {
    const all = { 'claviger/*': ['create', 'read', 'update'], 'kv/*': ['create', 'update', 'read'] };
    const caller = room.secrets.caller(all);
    const plan = await room.make([creating('revoked')], caller);
    await room.plans.apply(caller, plan.id);
    room.secrets.revoke(caller);
    await room.worker.carryOn(room.job, plan.id);
    const items = await room.plans.listItems(caller, plan.id, { limit: 10 });
    expect(items[0]).toMatchObject({ state: 'failed', error: { code: 'TOKEN_INVALID' } });
    expect(await room.kv.read('revoked')).toBeUndefined();
  });

  it('asked for twice at once is done once, and both are told how it stands', async () => {
    const id = await room.secret('twice-there');
    const plan = await room.make([writing(id, { value: 'two' }), creating('twice')]);
    const [first, second] = await Promise.all([
      room.plans.apply(room.ctx, plan.id),
      room.plans.apply(room.ctx, plan.id),
    ]);
    expect([first.state, second.state]).toEqual(['applying', 'applying']);
    await room.worker.carryOn(room.job, plan.id);
    expect([room.kv.versions('twice-there'), room.kv.versions('twice')]).toEqual([2, 1]);
  });

  it('asked for again while the first one is at work is told so, though its own items have moved the world', async () => {
    const id = await room.secret('faster');
    const plan = await room.make([writing(id, { value: 'two' })]);
    const repository = room.secrets.get(PlanRepository);
    const list = jest.spyOn(repository, 'listItems');
    list.mockImplementationOnce(async (...args) => {
      // This one is slow: meanwhile the other one is through.
      list.mockRestore();
      const items = await repository.listItems(...args);
      await room.apply(plan.id);
      return items;
    });
    expect(await room.plans.apply(room.ctx, plan.id)).toMatchObject({ state: 'applied' });
    expect((await room.items(plan.id)).map(({ state }) => state)).toEqual(['done']);
  });

  it('of what is under way says how it stands, and starts nothing anew', async () => {
    const plan = await room.make([creating('once')]);
    await room.apply(plan.id);
    expect(await room.plans.apply(room.ctx, plan.id)).toMatchObject({ state: 'applied' });
    await room.worker.carryOn(room.job, plan.id);
    expect(room.kv.versions('once')).toBe(1);
  });
});
