import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { ApprovalRoom } from '../../../testing/src/approval-room.js';
import { errorOf } from '../../../testing/src/secret-faults.js';
import { DeleteFuse } from './delete-fuse.js';

let db: TestDatabase;
let room: ApprovalRoom;
let fuse: DeleteFuse;
let count = 0;
const LIMIT = 5;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ApprovalRoom.create(db);
  fuse = room.secrets.get(DeleteFuse);
  room.secrets.config.work.deleteFuse = LIMIT;
  for (const name of ['prod', 'copies']) await room.secrets.builtin(name);
});
afterAll(() => db.drop());

const secret = (more: object = {}): Promise<string> => room.secrets.secret(`secret-${(count += 1)}`, more);
const remove = (id: string, retain = false): Promise<unknown> => room.secrets.secrets.remove(room.ctx, id, { retain });

/** Rows have the database's time, which no test can move: they move instead. */
const tenMinutesPass = (): Promise<unknown> =>
  room.secrets.rows(`update change set updated_at = updated_at - interval '10 minutes'`);

async function blow(): Promise<void> {
  await tenMinutesPass();
  for (let i = 0; i < LIMIT; i += 1) await remove(await secret());
}

describe('the delete fuse', () => {
  it('stops deletions when there are suddenly many, and what only forgets goes on', async () => {
    await blow();
    const id = await secret();
    expect(await errorOf(remove(id))).toMatchObject({ code: 'DELETE_FUSE_BLOWN', retryable: true });
    expect((await room.secrets.secrets.peek(room.ctx, id)).state).toBe('active');
    expect(await fuse.get(room.ctx)).toMatchObject({ deleted: LIMIT, isBlown: true, lifted: null });
    await remove(id, true);
  });

  it('holds again when the many were some time ago', async () => {
    await blow();
    await tenMinutesPass();
    await remove(await secret());
    expect(await fuse.get(room.ctx)).toMatchObject({ deleted: 1, isBlown: false });
  });

  it('counts copies that are removed, and stops removing them', async () => {
    await blow();
    const id = await secret({ syncProfiles: ['copies'] });
    const drop = (purge: boolean): Promise<unknown> =>
      room.secrets.secrets.removeSyncProfile(room.ctx, id, { profile: 'copies', purge });
    expect(await errorOf(drop(true))).toMatchObject({ code: 'DELETE_FUSE_BLOWN' });
    await drop(false);
  });

  it('is lifted for a while by who may, which is on record', async () => {
    await blow();
    const other = room.secrets.caller({ 'claviger/delete-fuse': ['read'] });
    expect(await errorOf(fuse.lift(other, 60, 'mine'))).toMatchObject({ code: 'ACCESS_DENIED' });
    expect(await fuse.lift(room.ctx, 60, 'the old shop')).toMatchObject({
      isBlown: false,
      lifted: { reason: 'the old shop' },
    });
    await remove(await secret());
    const [entry] = await room.secrets.rows(`select details from audit_entry where action = 'delete-fuse.lift'`);
    expect(entry!['details']).toMatchObject({ reason: 'the old shop' });
    room.secrets.clock.skip(60_001);
    expect(await errorOf(remove(await secret()))).toMatchObject({ code: 'DELETE_FUSE_BLOWN' });
  });

  it('lets an approved deletion wait, which is carried out once it is lifted', async () => {
    await room.principal('bob', { group: 'security' });
    const ada = await room.principal('ada', { group: 'security' });
    await room.profiles.create(room.ctx, {
      name: 'gate',
      kinds: ['delete'],
      steps: [{ groups: ['security'], votes: 1 }],
    });
    await blow();
    const id = await secret();
    await room.assign('prod', 'gate');
    const { id: changeId } = (await remove(id)) as { id: string };
    expect(await errorOf(room.approve(ada, changeId))).toMatchObject({ code: 'DELETE_FUSE_BLOWN' });
    expect(await room.state(changeId)).toBe('approved');
    await fuse.lift(room.ctx, 600, 'meant');
    room.secrets.clock.skip(10_000);
    await room.secrets.changes.recover(room.ctx);
    expect(await room.state(changeId)).toBe('done');
    expect((await room.secrets.secrets.peek(room.ctx, id)).state).toBe('deleted');
  });
});
