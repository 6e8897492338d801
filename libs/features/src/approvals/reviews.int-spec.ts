import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import type { RequestContext } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { ApprovalRoom } from '../../../testing/src/approval-room.js';
import { errorOf } from '../../../testing/src/secret-faults.js';

let db: TestDatabase;
let room: ApprovalRoom;
let ada: RequestContext;
let dev: RequestContext;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ApprovalRoom.create(db);
  ada = await room.principal('ada', { group: 'security' });
  await room.principal('bob', { group: 'security' });
  dev = await room.principal('dev');
  await room.gated('gated', {
    kinds: ['content', 'version-delete', 'version-undelete', 'version-destroy'],
    steps: [{ groups: ['security'], votes: 1 }],
  });
  await room.secrets.builtin('copies');
});
afterAll(() => db.drop());

describe('an approver sees at each vault what would happen', () => {
  it('to a version that is hidden, brought back or erased, and to the copies when it is the current one', async () => {
    const id = await room.ungatedSecret('gated', { value: 'one' }, { syncProfiles: ['copies'] });
    const plan = async (act: 'softDelete' | 'undelete' | 'destroy'): Promise<unknown> => {
      const change = await room.secrets.content.changeVersion(dev, id, 1, act, {});
      return (await room.view(ada, change.id)).review?.plan.map(({ role, action, reason }) => [role, action, reason]);
    };
    expect(await plan('softDelete')).toEqual([
      ['source', 'delete', 'Version 1 is hidden, and can be brought back.'],
      ['target', 'delete', 'The copy is hidden with it.'],
    ]);
    expect(await plan('undelete')).toEqual([
      ['source', 'update', 'Version 1 is brought back.'],
      ['target', 'update', 'The copy is brought back with it.'],
    ]);
    expect(await plan('destroy')).toEqual([
      ['source', 'delete', 'Version 1 is erased for good.'],
      ['target', 'delete', 'The copy is hidden with it.'],
    ]);
  });

  it('when somebody else’s content is made a version: which fields, how strong, and no value', async () => {
    const outside = await room.secrets.outside('far');
    const id = await room.secrets.secret('drifted', {
      sourceProfile: 'far',
      content: { user: 'shop', key: 'canary-1' },
    });
    await outside.write('drifted', { user: 'shop', key: 'canary-2-x8Kq2Lm9', url: 'canary-url' });
    await room.secrets.content.read(dev, id).catch(() => undefined);
    await room.assign('far', 'gated');
    const change = await room.secrets.content.adoptDrift(dev, id, 'made by hand');
    const view = await room.view(ada, change.id);
    expect(view.review).toMatchObject({
      values: [
        { field: '/key', change: 'changed', length: '16-23' },
        { field: '/url', change: 'added' },
        { field: '/user', change: 'same' },
      ],
      plan: [{ profile: 'far', role: 'source', action: 'adopt' }],
    });
    expect(JSON.stringify(view)).not.toContain('canary');
  });
});

describe('what is still missing', () => {
  it('is told without the votes that count no more', async () => {
    await room.gated('two-votes', { kinds: ['content'], steps: [{ groups: ['security'], votes: 1 }] });
    const leaver = await room.principal('leaver', { group: 'security' });
    const update = await room.profiles.update(dev, 'two-votes', { steps: [{ groups: ['security'], votes: 2 }] });
    await room.approve(ada, update.id);
    const { id } = await room.write(dev, await room.ungatedSecret('two-votes'), { value: 'two' });
    const missing = async (): Promise<number> => (await room.view(ada, id)).steps[0]!.missing;
    await room.approve(leaver, id);
    expect(await missing()).toBe(1);
    await room.disable(leaver);
    expect(await missing()).toBe(2);
  });
});

describe('a change of a vault profile', () => {
  it('is told to its approvers with the reason', async () => {
    const { waiting } = await room.secrets.profiles.update(dev, 'gated', { repair: 'auto' }, { reason: 'less work' });
    expect(await room.view(ada, waiting!.id)).toMatchObject({ reason: 'less work' });
    await room.secrets.builtin('emptied');
    await room.assign('emptied', 'gated');
    const removal = await room.secrets.profiles.remove(dev, 'emptied', { reason: 'not used' });
    expect(await room.view(ada, removal!.id)).toMatchObject({ kind: 'vault-profile.remove', reason: 'not used' });
  });
});

describe('what is said about an approval', () => {
  it('is told in full: more than can be told is refused', async () => {
    const { id } = await room.write(dev, await room.ungatedSecret('gated'), { value: 'two' });
    await room.approvals.comment(dev, id, 'first');
    await room.secrets.rows(
      `insert into approval_comment (store_id, id, approval_id, author, text)
       select $1, gen_random_uuid(), $2, '{"id":"user:x","name":"x"}', 'again' from generate_series(1, 199)`,
      [room.ctx.storeId, id],
    );
    expect(await errorOf(room.approvals.comment(dev, id, 'one more'))).toMatchObject({ code: 'TOO_MANY_COMMENTS' });
    expect((await room.view(dev, id)).comments).toHaveLength(200);
  });
});
