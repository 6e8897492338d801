import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { AccessService } from '@claviger/features/access';
import type { RequestContext } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { ApprovalRoom } from '../../../testing/src/approval-room.js';
import { errorOf } from '../../../testing/src/secret-faults.js';
import { json } from '../../../testing/src/secret-room.js';

let db: TestDatabase;
let room: ApprovalRoom;
let ada: RequestContext;
let bob: RequestContext;
let cyd: RequestContext;
let dev: RequestContext;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ApprovalRoom.create(db);
  [ada, bob, cyd, dev] = [
    await room.principal('ada', { group: 'security' }),
    await room.principal('bob', { group: 'security' }),
    await room.principal('cyd', { policies: ['approver'] }),
    await room.principal('dev'),
  ];
  await room.principal('eve', { policies: ['approver'] });
  await room.gated('two-steps', {
    kinds: ['create', 'content', 'delete', 'attributes'],
    steps: [
      { groups: ['security'], votes: 1, expiresAfterSeconds: 3_600 },
      { policies: ['approver'], votes: 1, expiresAfterSeconds: 7_200 },
    ],
  });
  await room.gated('one-step', {
    kinds: ['create', 'content', 'delete', 'sync-profile-add'],
    steps: [{ groups: ['security'], policies: ['approver'], votes: 1 }],
  });
  await room.secrets.builtin('copies');
});
afterAll(() => db.drop());

describe('a gated write', () => {
  it('waits, writes nothing, and is executed by the last vote that was missing', async () => {
    const id = await room.ungatedSecret('two-steps');
    const change = await room.write(dev, id, { value: 'two' }, 'rotation');
    expect(change).toMatchObject({ state: 'pending_approval', baseVersion: 1, result: null });
    expect(await room.content(id)).toEqual({ value: 'one' });

    await room.approve(ada, change.id);
    expect(await room.state(change.id)).toBe('pending_approval');
    expect((await room.view(cyd, change.id)).steps.map(({ state }) => state)).toEqual(['complete', 'open']);
    await room.approve(cyd, change.id, 'looks right');
    expect(await room.change(change.id)).toMatchObject({ state: 'done', result: { version: 2 } });
    expect(await room.content(id)).toEqual({ value: 'two' });
    const [version] = await room.secrets.rows(
      'select created_by, change_id from secret_version where secret_id = $1 and number = 2',
      [id],
    );
    expect(version).toMatchObject({ created_by: { name: 'dev' }, change_id: change.id });
  });

  it('is told of when it waits, is voted on, decided and done', async () => {
    const told = (id: string): Promise<unknown[]> =>
      room.secrets.rows(`select type, facts->>'state' as state from event where subject_id = $1 order by type`, [id]);
    const id = await room.ungatedSecret('one-step');
    const approved = await room.write(dev, id, { value: 'two' });
    await room.approve(bob, approved.id);
    expect(await told(approved.id)).toEqual([
      { type: 'approval.decided', state: 'approved' },
      { type: 'approval.requested', state: null },
      { type: 'approval.voted', state: null },
      { type: 'change.done', state: null },
    ]);
    const rejected = await room.write(dev, id, { value: 'three' });
    await room.reject(bob, rejected.id);
    expect(await told(rejected.id)).toContainEqual({ type: 'approval.decided', state: 'rejected' });
    expect(await told(rejected.id)).not.toContainEqual(expect.objectContaining({ type: 'change.done' }));
  });

  it('keeps what is to be written sealed while it waits, and erases it however it ends', async () => {
    const id = await room.ungatedSecret('one-step');
    const payload = async (changeId: string): Promise<Buffer | null> =>
      (await room.secrets.rows('select payload from change where id = $1', [changeId]))[0]!['payload'] as Buffer | null;
    const rejected = await room.write(dev, id, { value: 'canary-payload' });
    expect((await payload(rejected.id))!.includes('canary')).toBe(false);
    await room.reject(bob, rejected.id);
    const approved = await room.write(dev, id, { value: 'canary-two' });
    await room.approve(bob, approved.id);
    for (const changeId of [rejected.id, approved.id]) expect(await payload(changeId)).toBeNull();
  });

  it('is bound to the version that it was asked over, so that nothing newer is overwritten', async () => {
    const id = await room.ungatedSecret('one-step');
    const [first, second] = [
      await room.write(dev, id, { value: 'first' }),
      await room.write(dev, id, { value: 'second' }),
    ];
    await room.approve(ada, first.id);
    expect(await errorOf(room.approve(bob, second.id))).toMatchObject({ code: 'CHANGE_STALE' });
    expect(await room.change(second.id)).toMatchObject({ state: 'stale', errorCode: 'CHANGE_STALE' });
    expect(await room.content(id)).toEqual({ value: 'first' });
  });

  it('leaves the secret as it was when it is rejected', async () => {
    const id = await room.ungatedSecret('two-steps');
    const change = await room.write(dev, id, { value: 'two' });
    await room.reject(ada, change.id, 'not in the freeze');
    expect(await room.state(change.id)).toBe('rejected');
    expect(await room.content(id)).toEqual({ value: 'one' });
    expect((await room.view(dev, change.id)).votes).toMatchObject([
      { voter: 'ada', decision: 'reject', comment: 'not in the freeze' },
    ]);
    expect(await errorOf(room.approve(bob, change.id))).toMatchObject({ code: 'APPROVAL_CLOSED' });
  });

  it('goes on at once where the approval profile does not ask for it', async () => {
    const id = await room.ungatedSecret('one-step');
    const edit = await room.secrets.secrets.edit(dev, id, { set: { description: 'free' } });
    expect(edit.state).toBe('done');
  });
});

describe('a gated creation', () => {
  const create = (name: string, syncProfiles: string[] = []): ReturnType<typeof room.secrets.secrets.create> =>
    room.secrets.secrets.create(dev, {
      name,
      type: 'key-value',
      content: json({ value: 'new' }),
      sourceProfile: 'one-step',
      syncProfiles,
      onConflict: 'fail',
    });
  const secretState = async (id: string): Promise<string> => (await room.secrets.secrets.peek(room.ctx, id)).state;

  it('reserves the name while it waits, and is there once it is approved', async () => {
    const change = await create('created', ['copies']);
    expect(await secretState(change.secretId!)).toBe('pending_approval');
    expect(await errorOf(create('created'))).toMatchObject({ code: 'SECRET_EXISTS' });
    expect(await errorOf(room.secrets.content.read(room.ctx, change.secretId!))).toMatchObject({
      code: 'SECRET_NOT_ACTIVE',
    });
    await room.approve(ada, change.id);
    expect(await room.state(change.id)).toBe('done');
    expect(await room.content(change.secretId!)).toEqual({ value: 'new' });
    expect(await room.secrets.rows('select 1 from sync_target where secret_id = $1', [change.secretId])).toHaveLength(
      1,
    );
  });

  it('is rejected, and frees name and place, when somebody rejects it', async () => {
    const change = await create('refused');
    await room.reject(ada, change.id);
    expect(await secretState(change.secretId!)).toBe('rejected');
    expect(await room.secrets.rows('select 1 from backend_place where secret_id = $1', [change.secretId])).toEqual([]);
    const again = await create('refused');
    await room.approve(ada, again.id);
    expect(await secretState(again.secretId!)).toBe('active');
  });

  it('can be taken back by who asked for it, and by nobody who could not have', async () => {
    const change = await create('withdrawn');
    await room.approvals.withdraw(dev, change.id);
    expect(await room.state(change.id)).toBe('cancelled');
    expect(await secretState(change.secretId!)).toBe('rejected');
    expect(await errorOf(room.approve(ada, change.id))).toMatchObject({ code: 'APPROVAL_CLOSED' });
  });
});

describe('a gated deletion', () => {
  it('leaves the vault as it is while it waits, and deletes there once it is approved', async () => {
    const outside = await room.secrets.outside('far');
    const id = await room.secrets.secret('doomed', { sourceProfile: 'far', syncProfiles: ['copies'] });
    await room.assign('far', 'one-step');
    const change = await room.secrets.secrets.remove(dev, id, { retain: false });
    expect(change.state).toBe('pending_approval');
    expect(await outside.read('doomed')).toEqual({ value: 'one' });
    await room.approve(ada, change.id);
    expect(await outside.read('doomed')).toBeUndefined();
    expect((await room.change(change.id)).result).toMatchObject({ state: 'deleting', targets: 1 });
    const [target] = await room.secrets.rows('select desired_presence from sync_target where secret_id = $1', [id]);
    expect(target).toEqual({ desired_presence: 'absent' });
  });
});

describe('a vote', () => {
  const waiting = async (requester = dev): Promise<string> =>
    (await room.write(requester, await room.ungatedSecret('two-steps'), { value: 'two' })).id;

  it('is not for who asked, not twice, and not for who is not named by the open step', async () => {
    expect(await errorOf(room.approve(ada, await waiting(ada)))).toMatchObject({ code: 'OWN_REQUEST' });
    const id = await waiting();
    expect(await errorOf(room.approve(cyd, id))).toMatchObject({ code: 'NOT_A_VOTER' });
    await room.approve(ada, id);
    expect(await errorOf(room.approve(ada, id))).toMatchObject({ code: 'ALREADY_VOTED' });
    expect(await errorOf(room.approve(bob, id))).toMatchObject({ code: 'NOT_A_VOTER' });
  });

  it('is for users alone: neither for a token without one nor for a service account', async () => {
    const id = await waiting();
    const robot = await room.principal('robot', { kind: 'service-account', group: 'security' });
    for (const caller of [room.ctx, robot])
      expect(await errorOf(room.approve(caller, id))).toMatchObject({ code: 'NOT_A_VOTER' });
  });

  it('is by what the token has, not by what its bearer has by another way of logging in', async () => {
    const id = await waiting();
    const principal = { ...ada.actor.principal!, groups: [] };
    const byOther = { ...ada, actor: { ...ada.actor, principal, policies: [] } };
    expect(await errorOf(room.approve(byOther, id))).toMatchObject({ code: 'NOT_A_VOTER' });
  });

  it('that rejects needs a comment', async () => {
    const id = await waiting();
    for (const comment of ['', '  '])
      expect(await errorOf(room.reject(ada, id, comment))).toMatchObject({ code: 'COMMENT_MISSING' });
  });

  it('of somebody who has left since does not count when the change is to be executed', async () => {
    const gone = await room.principal('gone', { group: 'security' });
    const id = await waiting();
    await room.approve(gone, id);
    await room.disable(gone);
    await room.approve(cyd, id);
    expect(await room.change(id)).toMatchObject({ state: 'stale' });
  });

  it('counts for nothing when who asked is gone', async () => {
    const leaver = await room.principal('leaver');
    const id = await waiting(leaver);
    await room.approve(ada, id);
    await room.disable(leaver);
    await room.approve(cyd, id);
    expect(await room.state(id)).toBe('stale');
  });

  it('counts for nothing when who asked may not do that any more', async () => {
    const id = await waiting(await room.principal('demoted', { policies: ['taken'] }));
    await room.approve(ada, id);
    (room.secrets.get(AccessService) as unknown as { taken: Set<string> }).taken.add('taken');
    await room.approve(cyd, id);
    expect(await room.state(id)).toBe('stale');
  });

  it('comes too late when its time is over', async () => {
    const id = await waiting();
    room.secrets.clock.skip(3_600_000);
    expect(await errorOf(room.approve(ada, id))).toMatchObject({ code: 'APPROVAL_CLOSED' });
    expect(await room.state(id)).toBe('expired');
  });

  it('can be one of many, each with its own answer', async () => {
    const secrets = [await room.ungatedSecret('two-steps'), await room.ungatedSecret('two-steps')];
    const one = (await room.write(dev, secrets[0]!, { value: 'two' })).id;
    const two = (await room.write(ada, secrets[1]!, { value: 'two' })).id;
    const outcomes = await room.voting.voteAll(ada, [
      { id: one, decision: 'approve' },
      { id: two, decision: 'approve' },
    ]);
    expect(outcomes.map(({ error }) => error?.code)).toEqual([undefined, 'OWN_REQUEST']);
  });

  it('two at once of the last two voters count one after the other', async () => {
    const id = (await room.write(dev, await room.ungatedSecret('one-step'), { value: 'two' })).id;
    const ends = await Promise.allSettled([room.approve(ada, id), room.approve(bob, id)]);
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await room.change(id)).toMatchObject({ state: 'done', result: { version: 2 } });
  });

  it('and a withdrawal at once end it one way', async () => {
    for (let round = 0; round < 5; round += 1) {
      const secretId = await room.ungatedSecret('one-step');
      const { id } = await room.write(dev, secretId, { value: 'two' });
      await Promise.allSettled([room.approve(ada, id), room.approvals.withdraw(dev, id)]);
      const state = await room.state(id);
      expect(['done', 'cancelled']).toContain(state);
      expect(await room.content(secretId)).toEqual({ value: state === 'done' ? 'two' : 'one' });
    }
  });
});

describe('time', () => {
  it('reminds of what is nearly over, once, and ends what is', async () => {
    const { id } = await room.write(dev, await room.ungatedSecret('two-steps'), { value: 'two' });
    const reminders = (): Promise<unknown[]> =>
      room.secrets.rows(`select 1 from event where subject_id = $1 and type = 'approval.due-soon'`, [id]);
    await room.voting.sweep(room.ctx);
    expect(await reminders()).toHaveLength(0);
    room.secrets.clock.skip(2_800_000);
    await room.voting.sweep(room.ctx);
    await room.voting.sweep(room.ctx);
    expect(await reminders()).toHaveLength(1);
    room.secrets.clock.skip(900_000);
    expect(await room.voting.sweep(room.ctx)).toBeGreaterThanOrEqual(1);
    expect(await room.state(id)).toBe('expired');
  });
});

describe('a delegation', () => {
  it('lets somebody else vote in one’s place until it ends, once for both', async () => {
    const deputy = await room.principal('deputy');
    const waiting = async (): Promise<string> =>
      (await room.write(dev, await room.ungatedSecret('two-steps'), { value: 'two' })).id;
    const id = await waiting();
    expect(await errorOf(room.approve(deputy, id))).toMatchObject({ code: 'NOT_A_VOTER' });
    const until = new Date(room.secrets.clock.now().getTime() + 86_400_000);
    await room.delegations.create(ada, 'deputy', until);
    await room.approve(deputy, id);
    expect((await room.view(cyd, id)).votes).toMatchObject([{ voter: 'deputy', onBehalfOf: 'ada' }]);
    const own = (await room.write(ada, await room.ungatedSecret('two-steps'), { value: 'two' })).id;
    expect(await errorOf(room.approve(deputy, own))).toMatchObject({ code: 'NOT_A_VOTER' });
    room.secrets.clock.skip(86_400_000);
    expect(await errorOf(room.approve(deputy, await waiting()))).toMatchObject({ code: 'NOT_A_VOTER' });
  });
});
