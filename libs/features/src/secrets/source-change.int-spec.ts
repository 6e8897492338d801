import { beforeAll, describe, expect, it } from '@jest/globals';
import { ReplicationService } from '@claviger/features/replication';
import { SourceChangeService } from '@claviger/features/secrets';
import {
  kv1,
  kv2,
  ONE,
  read,
  room,
  secretOf,
  THEIRS,
  TWO,
  unique,
  versions,
  write,
} from '../../../testing/src/foreign-room.js';
import { movingIn } from '../../../testing/src/moving-room.js';
import { errorOf, refused } from '../../../testing/src/secret-faults.js';
import type { OutsideMount } from '../../../testing/src/secret-room.js';

let other: OutsideMount;
beforeAll(async () => {
  await room.builtin('inside');
  await acceptDatabase();
  other = await room.outside('other', 'pruned');
});

const { acceptDatabase, ask, move, places, sourceOf, targets, working } = movingIn(() => room);
const create = (sourceProfile: string, more: object = {}): Promise<string> =>
  room.secret(unique(), { sourceProfile, content: ONE, ...more });
const nameOf = async (id: string) => (await secretOf(id)).name;

/** Counts what is written at a vault from now on. */
function counting(mount: OutsideMount): { writes: number } {
  const seen = { writes: 0 };
  mount.faults = (operation) => {
    if (['create', 'put', 'setMetadata', 'purge', 'softDelete'].includes(operation)) seen.writes += 1;
    return undefined;
  };
  return seen;
}

describe.each([
  ['inside', 'kv2'],
  ['inside', 'kv1'],
  ['kv2', 'inside'],
  ['kv1', 'inside'],
  ['kv2', 'other'],
  ['kv2', 'kv1'],
  ['kv1', 'kv2'],
])('a change of source from %s to %s', (from, to) => {
  it('moves where the content is read and written, and keeps a copy where it was', async () => {
    const id = await create(from);
    const before = await secretOf(id);
    const change = await move(id, to, { reason: 'we leave' });
    expect(change).toMatchObject({ state: 'done', result: { version: 1, from, to } });
    expect(await sourceOf(id)).toBe(to);
    expect(await targets(id)).toMatchObject([{ profile: from, status: 'in_sync', presence: 'present' }]);
    expect(await places(id)).toEqual([from, to].sort());
    expect(await read(id)).toEqual(ONE);
    const after = await secretOf(id);
    expect(after).toMatchObject({ currentVersion: 1, drift: null, revision: before.revision + 1 });
    expect(after.rotatedAt).toEqual(before.rotatedAt);

    await working(id, write(id, TWO));
    expect(await read(id)).toEqual(TWO);
    expect(await secretOf(id)).toMatchObject({ currentVersion: 2, drift: null });
    expect(await targets(id)).toMatchObject([{ profile: from, status: 'in_sync' }]);
    expect(await versions(id)).toMatchObject([
      { number: 2, profile: to, isCurrent: true },
      { number: 1, isCurrent: false },
    ]);
  });

  it('goes back, and deletes everywhere', async () => {
    const id = await create(from);
    const name = await nameOf(id);
    await move(id, to);
    await working(id, write(id, TWO));
    await move(id, from);
    expect(await sourceOf(id)).toBe(from);
    expect(await read(id)).toEqual(TWO);
    expect(await targets(id)).toMatchObject([{ profile: to, status: 'in_sync' }]);
    await working(id, room.secrets.remove(room.ctx, id, { retain: false }));
    expect(await secretOf(id)).toMatchObject({ state: 'deleted' });
    for (const mount of [kv2, kv1, other]) expect(await mount.read(name)).toBeUndefined();
    expect(await places(id)).toEqual([]);
  });
});

describe('history', () => {
  it('is read where it was managed, and under the name that it has there', async () => {
    await room.profiles.create(
      room.ctx,
      { name: 'below', instance: 'outside', mount: 'other', prefix: 'team' } as never,
      { check: false },
    );
    const id = await create('kv2');
    await write(id, TWO);
    await move(id, 'below');
    expect((await secretOf(id)).physicalName).toBe(`team/${await nameOf(id)}`);
    await working(id, write(id, { value: 'three' }));
    expect(await read(id, 1)).toEqual(ONE);
    expect(await read(id, 2)).toEqual(TWO);
    expect(await versions(id)).toMatchObject([
      { number: 3, profile: 'below' },
      { number: 2, profile: 'below', state: 'live' },
      { number: 1, profile: 'kv2', state: 'live' },
    ]);
    // Also when it is no sync profile any more.
    await room.secrets.removeSyncProfile(room.ctx, id, { profile: 'kv2', purge: false });
    expect(await read(id, 1)).toEqual(ONE);
    const restored = await room.content.restore(room.ctx, id, 1, {});
    expect(restored).toMatchObject({ change: { result: { version: 4 } } });
    expect(await read(id)).toEqual(ONE);
  });

  it('of what was current when the secret came to a vault without versions is read at the vault with them', async () => {
    const id = await create('kv2');
    await move(id, 'kv1');
    await working(id, write(id, TWO));
    expect(await read(id, 1)).toEqual(ONE);
    expect(await versions(id)).toMatchObject([{ number: 2 }, { number: 1, profile: 'kv2', state: 'live' }]);
  });

  it('at a profile that was removed is gone, and says so', async () => {
    await room.outside('passing', 'pruned');
    const id = await create('passing');
    await write(id, TWO);
    await move(id, 'kv2');
    await room.secrets.removeSyncProfile(room.ctx, id, { profile: 'passing', purge: false });
    await room.profiles.remove(room.ctx, 'passing');
    await expect(read(id, 1)).rejects.toMatchObject({
      code: 'VERSION_UNAVAILABLE',
      details: { reason: 'vault_removed' },
    });
    expect(await read(id, 2)).toEqual(TWO);
  });

  it('is not lost with the object at the new source', async () => {
    const id = await create('kv2');
    await write(id, TWO);
    await move(id, 'other');
    await other.remove(await nameOf(id));
    await working(id, write(id, { value: 'three' }));
    expect(await versions(id)).toMatchObject([
      { number: 3, profile: 'other', state: 'live' },
      { number: 2, profile: 'kv2', state: 'live' },
      { number: 1, profile: 'kv2', state: 'live' },
    ]);
    expect(await read(id, 2)).toEqual(TWO);
  });

  it('is not said to be erased where the secret was left behind before it was deleted', async () => {
    const id = await create('kv2');
    await write(id, TWO);
    await move(id, 'other');
    await room.secrets.removeSyncProfile(room.ctx, id, { profile: 'kv2', purge: false });
    await working(id, room.secrets.remove(room.ctx, id, { retain: false }));
    const rows = await room.rows(
      `select number, revision, destroyed_at is not null as erased from secret_version where secret_id = $1
       order by number, revision`,
      [id],
    );
    expect(rows).toEqual([
      { number: 1, revision: 1, erased: false },
      { number: 2, revision: 1, erased: false },
      { number: 2, revision: 2, erased: true },
    ]);
    expect(await kv2.read(await nameOf(id))).toEqual(TWO);
  });

  it('can be deleted where it was managed', async () => {
    const id = await create('kv2');
    await write(id, TWO);
    await move(id, 'inside');
    await room.content.changeVersion(room.ctx, id, 1, 'destroy', {});
    await expect(read(id, 1)).rejects.toMatchObject({ code: 'VERSION_UNAVAILABLE', details: { reason: 'destroyed' } });
    expect(await read(id)).toEqual(TWO);
    expect(await kv2.read(await nameOf(id))).toEqual(TWO);
  });
});

describe('the new place', () => {
  it('that holds something is left alone, unless it is equal or to be overwritten', async () => {
    for (const content of [ONE, THEIRS]) {
      const id = await create('inside');
      const name = await nameOf(id);
      await kv2.write(name, content);
      expect(await errorOf(move(id, 'kv2'))).toMatchObject({ code: 'PLACE_OCCUPIED' });
      expect(await kv2.read(name)).toEqual(content);
      expect(kv2.versions(name)).toBe(1);
      expect(await sourceOf(id)).toBe('inside');
      expect(await targets(id)).toEqual([]);
      expect(await places(id)).toEqual(['inside']);

      const isEqual = content === ONE;
      const adopted = move(id, 'kv2', { onConflict: 'adopt-if-equal' });
      if (!isEqual) expect(await errorOf(adopted)).toMatchObject({ code: 'PLACE_DIFFERS' });
      else expect(await adopted).toMatchObject({ state: 'done' });
      expect(kv2.versions(name)).toBe(1);
      if (isEqual) continue;
      expect(await places(id)).toEqual(['inside']);
      expect(await move(id, 'kv2', { onConflict: 'overwrite' })).toMatchObject({ state: 'done' });
      expect(await kv2.read(name)).toEqual(ONE);
    }
  });

  it('that is a sync profile and equal is only read', async () => {
    const id = await create('inside', { syncProfiles: ['kv2'] });
    await room.reconciler.reconcile(room.ctx, id);
    const [there, here] = [counting(kv2), kv2.versions(await nameOf(id))];
    expect(await ask(id, 'kv2')).toMatchObject({ state: 'done' });
    expect(there.writes).toBe(0);
    expect(kv2.versions(await nameOf(id))).toBe(here);
    expect(await sourceOf(id)).toBe('kv2');
  });

  it('that is a sync profile and was changed by somebody else is refused, also before that was noticed', async () => {
    const id = await create('inside', { syncProfiles: ['kv2'] });
    await room.reconciler.reconcile(room.ctx, id);
    await kv2.write(await nameOf(id), THEIRS);
    expect(await errorOf(move(id, 'kv2'))).toMatchObject({
      code: 'NEW_SOURCE_NOT_EQUAL',
      details: { cause: 'TARGET_CHANGED_AT_TARGET' },
    });
    expect(await kv2.read(await nameOf(id))).toEqual(THEIRS);
    expect(await targets(id)).toMatchObject([{ profile: 'kv2', presence: 'present' }]);
    expect(await move(id, 'kv2', { onConflict: 'overwrite' })).toMatchObject({ state: 'done' });
    expect(await kv2.read(await nameOf(id))).toEqual(ONE);
  });

  it('that cannot be written is given up, and nothing is left there', async () => {
    const id = await create('inside');
    kv2.faults = (operation) => (operation === 'create' ? refused('PERMISSION_DENIED') : undefined);
    expect(await errorOf(move(id, 'kv2'))).toMatchObject({
      code: 'NEW_SOURCE_NOT_EQUAL',
      details: { cause: 'VAULT_PERMISSION_DENIED' },
    });
    kv2.faults = () => undefined;
    room.clock.skip(120_000);
    await room.reconciler.reconcile(room.ctx, id);
    expect(await targets(id)).toEqual([]);
    expect(await places(id)).toEqual(['inside']);
    expect(await kv2.read(await nameOf(id))).toBeUndefined();
    expect(await read(id)).toEqual(ONE);
  });

  it('that cannot be read is no source, and the copy goes again', async () => {
    const id = await create('inside');
    let writes = 0;
    kv2.faults = (operation) => {
      if (operation === 'create') writes += 1;
      return operation === 'read' && writes > 0 ? refused('PERMISSION_DENIED') : undefined;
    };
    expect(await errorOf(move(id, 'kv2'))).toMatchObject({ code: 'NEW_SOURCE_UNREADABLE' });
    kv2.faults = () => undefined;
    room.clock.skip(2 * 3_600_000);
    await room.get(ReplicationService).verifyDue(room.ctx);
    await room.reconciler.reconcile(room.ctx, id);
    expect(await kv2.read(await nameOf(id))).toBeUndefined();
    expect(await places(id)).toEqual(['inside']);
  });

  it('is refused when its name is taken, and when the content does not fit', async () => {
    const name = unique();
    await room.profiles.create(
      room.ctx,
      { name: 'narrow', instance: 'outside', mount: 'other', prefix: 'n', limits: { maxContentBytes: 10 } } as never,
      { check: false },
    );
    const id = await room.secret(name, { sourceProfile: 'inside', content: ONE });
    await room.secret(name, { sourceProfile: 'kv1', content: TWO });
    expect(await errorOf(move(id, 'kv1'))).toMatchObject({ code: 'SECRET_EXISTS' });
    expect(await errorOf(ask(id, 'narrow'))).toMatchObject({ code: 'CONTENT_TOO_LARGE' });
    expect(await errorOf(ask(id, 'nowhere'))).toMatchObject({ code: 'VAULT_PROFILE_UNKNOWN' });
    expect(await ask(id, 'inside')).toBeUndefined();
    expect(await targets(id)).toEqual([]);
  });
});

describe('the old place', () => {
  it('is looked at and not written', async () => {
    const id = await create('kv2');
    const seen = counting(kv2);
    await move(id, 'other');
    expect(await targets(id)).toMatchObject([{ profile: 'kv2', status: 'in_sync' }]);
    expect(seen.writes).toBe(0);
  });

  it('that somebody has changed is left to them, and told as drifted from then on', async () => {
    const id = await create('kv2');
    await kv2.write(await nameOf(id), THEIRS);
    expect(await move(id, 'other')).toMatchObject({ state: 'done' });
    expect(await read(id)).toEqual(ONE);
    expect(await secretOf(id)).toMatchObject({ drift: null });
    expect(await targets(id)).toMatchObject([{ profile: 'kv2', status: 'drifted' }]);
    expect(await kv2.read(await nameOf(id))).toEqual(THEIRS);
  });

  it('that does not answer any more can be left when there is an equal copy, and not otherwise', async () => {
    const [copied, alone] = [await create('kv2', { syncProfiles: ['other'] }), await create('kv2')];
    await room.reconciler.reconcile(room.ctx, copied);
    kv2.faults = () => refused('UNAVAILABLE');
    expect(await errorOf(move(alone, 'other'))).toMatchObject({ kind: 'unavailable' });
    expect(await move(copied, 'other')).toMatchObject({ state: 'done' });
    expect(await read(copied)).toEqual(ONE);
    expect(await targets(copied)).toMatchObject([{ profile: 'kv2', status: 'retrying' }]);
  });
});

describe('what a source change needs', () => {
  it('is to read the content at the old place and to create it at the new one', async () => {
    const id = await create('inside');
    const record = { 'claviger/secrets/inside/*': ['read', 'update'] };
    const reader = { 'inside/data/*': ['read'] };
    const creator = { 'claviger/secrets/kv2/*': ['create'], 'kv2/data/*': ['create'] };
    const as = (path: Record<string, string[]>, onConflict: 'fail' | 'overwrite' = 'fail') =>
      ask(id, 'kv2', { onConflict }, room.caller(path));
    for (const path of [record, { ...record, ...reader }, { ...record, ...creator }, { ...reader, ...creator }])
      await expect(as(path)).rejects.toMatchObject({ kind: expect.stringMatching('forbidden|not_found') });
    await expect(as({ ...record, ...reader, ...creator }, 'overwrite')).rejects.toMatchObject({ kind: 'forbidden' });
    expect(await working(id, as({ ...record, ...reader, ...creator }))).toMatchObject({ state: 'done' });
  });

  it('is a base that is not stale, where one was given', async () => {
    const id = await create('inside');
    const { revision } = await secretOf(id);
    await write(id, TWO);
    for (const profile of ['kv2', 'inside'])
      expect(await errorOf(ask(id, profile, { expectedRevision: revision }))).toMatchObject({ code: 'STALE_MATCH' });
  });

  it('is a current version that can be read, of a secret that is enabled', async () => {
    const id = await create('inside');
    await room.content.changeVersion(room.ctx, id, 1, 'softDelete', {});
    expect(await errorOf(ask(id, 'kv2'))).toMatchObject({ code: 'VERSION_UNAVAILABLE' });
    const disabled = await create('inside');
    await room.secrets.setDisabled(room.ctx, disabled, true);
    expect(await errorOf(ask(disabled, 'kv2'))).toMatchObject({ code: 'SECRET_DISABLED' });
  });
});

describe('a plan of a source change', () => {
  const plan = async (id: string, profile: string, onConflict: 'fail' | 'overwrite' = 'fail') =>
    (await room.get(SourceChangeService).plan(room.ctx, id, { profile, onConflict })).plan;

  it('says what happens at both places, and changes nothing', async () => {
    const id = await create('inside', { syncProfiles: ['kv1'] });
    const stays = { profile: 'inside', role: 'target', action: 'retain' };
    expect(await plan(id, 'kv2')).toMatchObject([{ profile: 'kv2', role: 'source', action: 'create' }, stays]);
    expect(await plan(id, 'kv1')).toMatchObject([{ profile: 'kv1', role: 'source', action: 'update' }, stays]);
    await room.reconciler.reconcile(room.ctx, id);
    expect(await plan(id, 'kv1')).toMatchObject([{ profile: 'kv1', role: 'source', action: 'no-op' }, stays]);
    await kv2.write(await nameOf(id), THEIRS);
    expect((await plan(id, 'kv2'))[0]).toMatchObject({ action: 'conflict' });
    expect((await plan(id, 'kv2', 'overwrite'))[0]).toMatchObject({ action: 'update' });
    expect(await plan(id, 'inside')).toEqual([]);
    expect(await targets(id)).toMatchObject([{ profile: 'kv1' }]);
    expect(await places(id)).toEqual(['inside', 'kv1']);
    expect(await sourceOf(id)).toBe('inside');
  });
});
