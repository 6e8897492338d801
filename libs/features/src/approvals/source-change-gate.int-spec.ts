import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import type { RequestContext } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { ApprovalRoom } from '../../../testing/src/approval-room.js';
import { movingIn } from '../../../testing/src/moving-room.js';

let db: TestDatabase;
let room: ApprovalRoom;
let ada: RequestContext;
let bob: RequestContext;
let dev: RequestContext;
const { acceptDatabase, ask, places, sourceOf, targets, working } = movingIn(() => room.secrets);
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ApprovalRoom.create(db);
  await acceptDatabase();
  ada = await room.principal('ada', { group: 'security' });
  bob = await room.principal('bob', { group: 'security' });
  await room.principal('cleo', { group: 'security' });
  dev = await room.principal('dev');
  const steps = [{ groups: ['security'], votes: 1 }];
  await room.gated('movers', { kinds: ['source-change'], steps });
  await room.gated('movers-too', { kinds: ['source-change'], steps });
  await room.gated('no-deletes', { kinds: ['delete'], steps });
  await room.gated('no-new-ones', { kinds: ['create'], steps });
  await room.gated('readers', { kinds: ['content-read'], steps });
  await room.secrets.builtin('free');
  await room.secrets.builtin('free-too');
});
afterAll(() => db.drop());

const request = (id: string, profile: string) => ask(id, profile, { reason: 'new home' }, dev);

describe('a change of source', () => {
  it('waits for those of both profiles, and does nothing until they have agreed', async () => {
    const id = await room.ungatedSecret('movers');
    const change = (await request(id, 'movers-too'))!;
    expect(change).toMatchObject({ kind: 'secret.source-profile', state: 'pending_approval' });
    expect(await targets(id)).toEqual([]);
    expect(await places(id)).toEqual(['movers']);
    const view = await room.view(ada, change.id);
    expect(view.profiles.map(({ name }) => name)).toEqual(['movers', 'movers-too']);
    expect(view.review).toMatchObject({
      settings: [
        { name: 'sourceProfile', before: 'movers', after: 'movers-too' },
        { name: 'onConflict', after: 'fail' },
      ],
      values: [],
      plan: [
        { profile: 'movers-too', role: 'source', action: 'create' },
        { profile: 'movers', role: 'target', action: 'retain' },
      ],
    });
    await room.approve(ada, change.id);
    expect(await sourceOf(id)).toBe('movers');
    await working(id, room.approve(bob, change.id));
    expect(await room.state(change.id)).toBe('done');
    expect(await sourceOf(id)).toBe('movers-too');
  });

  it.each([
    ['leaves a profile that gates anything', 'no-deletes', 'free'],
    ['comes to one where new secrets wait', 'free', 'no-new-ones'],
    ['comes to one where changes of source wait', 'free', 'movers'],
    ['leaves one where reading waits', 'readers', 'free'],
  ])('waits when it %s', async (_what, from, to) => {
    const id = await room.ungatedSecret(from);
    expect(await request(id, to)).toMatchObject({ state: 'pending_approval' });
  });

  it('waits for nobody between profiles that gate nothing', async () => {
    const id = await room.ungatedSecret('free');
    expect(await working(id, request(id, 'free-too'))).toMatchObject({ state: 'done' });
    expect(await sourceOf(id)).toBe('free-too');
  });

  it.each<[string, (id: string, change: string) => Promise<unknown>]>([
    ['the secret was written', (id) => room.write(dev, id, { value: 'two' })],
    [
      'the new profile was changed, which gates nothing',
      () => room.secrets.rows(`update vault_profile set revision = revision + 1 where name = 'free'`),
    ],
    [
      'a copy was added',
      (id) => room.secrets.secrets.addSyncProfile(dev, id, { profile: 'free-too', onConflict: 'fail' }),
    ],
    [
      'the new profile is another one',
      async (_id, change) => {
        const there = await room.secrets.profiles.get(dev, 'free-too');
        await room.secrets.rows(
          `update change set parameters = jsonb_set(parameters, '{to,profileId}', to_jsonb($2::text)) where id = $1`,
          [change, there.id],
        );
      },
    ],
    [
      'what is there is to be overwritten after all',
      (_id, change) =>
        room.secrets.rows(
          `update change set parameters = jsonb_set(parameters, '{onConflict}', '"overwrite"') where id = $1`,
          [change],
        ),
    ],
  ])('is stale once %s', async (_what, tamper) => {
    const id = await room.ungatedSecret('movers');
    const { id: change } = (await request(id, 'free'))!;
    await tamper(id, change);
    room.secrets.clock.skip(1_001);
    await expect(working(id, room.approve(ada, change))).rejects.toMatchObject({ code: 'CHANGE_STALE' });
    expect(await room.state(change)).toBe('stale');
    expect(await sourceOf(id)).toBe('movers');
  });

  it('makes stale what waits at the old source, and takes back reads that were approved there', async () => {
    const id = await room.ungatedSecret('readers');
    const [old, next] = [
      await room.secrets.content.requestRead(dev, id, {}),
      await room.secrets.content.requestRead(dev, id, {}),
    ];
    await room.approve(ada, old.id);
    const { id: change } = (await request(id, 'free'))!;
    await working(id, room.approve(ada, change));
    expect(await sourceOf(id)).toBe('free');
    expect(await room.secrets.rows('select 1 from read_grant where secret_id = $1 and used_at is null', [id])).toEqual(
      [],
    );
    await expect(room.approve(ada, next.id)).rejects.toMatchObject({ code: 'CHANGE_STALE' });
  });
});
