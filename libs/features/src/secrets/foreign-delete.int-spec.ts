import { describe, expect, it } from '@jest/globals';
import {
  each,
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
import {
  answerLost,
  changeOf,
  dieAt,
  errorOf,
  failing,
  Killed,
  neverArrived,
  recover,
} from '../../../testing/src/secret-faults.js';
import { versionOf } from '../../../testing/src/secret-room.js';

describe('deleting at a foreign source', () => {
  each((mount) => {
    const create = (name: string): Promise<string> => room.secret(name, { sourceProfile: mount().path, content: ONE });
    const remove = (id: string) => room.secrets.remove(room.ctx, id, { retain: false });

    it('removes the object; the versions are known to be gone, and a second time there is nothing', async () => {
      const name = unique();
      const id = await create(name);
      await write(id, TWO);
      expect((await remove(id)).result).toMatchObject({ state: 'deleted' });
      expect(await mount().read(name)).toBeUndefined();
      expect((await versions(id)).map(({ state }) => state)).toEqual(['destroyed', 'destroyed']);
      expect(await errorOf(remove(id))).toMatchObject({ code: 'SECRET_NOT_FOUND' });
      await expect(read(id)).rejects.toMatchObject({ code: 'SECRET_NOT_ACTIVE' });
    });

    it('leaves what is not ours alone, until it is forgotten', async () => {
      const name = unique();
      const id = await create(name);
      await mount().remove(name);
      await mount().write(name, THEIRS);
      expect(await errorOf(remove(id))).toMatchObject({
        code: 'SOURCE_NOT_OURS',
        details: { profile: mount().path, name },
      });
      expect(await room.secrets.planRemove(room.ctx, id, { retain: false })).toMatchObject({
        plan: [{ action: 'conflict' }],
      });
      expect(await mount().read(name)).toEqual(THEIRS);
      expect((await secretOf(id)).state).toBe('active');
      await room.secrets.remove(room.ctx, id, { retain: true });
      expect(await mount().read(name)).toEqual(THEIRS);
    });

    it('ends also when somebody removed the object before', async () => {
      const name = unique();
      const id = await create(name);
      await mount().remove(name);
      expect((await remove(id)).result).toMatchObject({ state: 'deleted' });
    });

    it('is finished after a lost answer and wherever its process dies', async () => {
      for (const point of ['change.begun', 'change.acted', 'change.completing', 'lost'] as const) {
        const name = unique();
        const id = await create(name);
        if (point === 'lost') failing(mount(), 'purge', answerLost());
        else dieAt(point);
        await remove(id).catch((error: unknown) => expect(error).toBeInstanceOf(Killed));
        await recover(room);
        expect((await secretOf(id)).state).toBe('deleted');
        expect(await mount().read(name)).toBeUndefined();
        expect(await room.rows('select 1 from backend_place where secret_id = $1', [id])).toEqual([]);
      }
    });

    it('touches nothing any more when the secret was forgotten before the recovery came to it', async () => {
      const name = unique();
      const id = await create(name);
      failing(mount(), 'purge', neverArrived('purge'));
      expect((await remove(id)).state).toBe('executing');
      await room.secrets.remove(room.ctx, id, { retain: true });
      await recover(room);
      expect(await mount().read(name)).toEqual(ONE);
    });
  });

  it('that is asked for again while copies are being removed leaves the place of the source alone: it is free', async () => {
    for (const [source, target] of [
      [kv2, kv1],
      [kv1, kv2],
    ] as const) {
      const name = unique();
      const id = await room.secret(name, { sourceProfile: source.path, syncProfiles: [target.path], content: ONE });
      const remove = () => room.secrets.remove(room.ctx, id, { retain: false });
      expect((await remove()).result).toMatchObject({ state: 'deleting', targets: 1 });
      await source.write(name, THEIRS);
      expect((await remove()).result).toMatchObject({ state: 'deleting', targets: 1 });
      expect(await source.read(name)).toEqual(THEIRS);
      await expect(read(id)).rejects.toMatchObject({ code: 'SECRET_NOT_ACTIVE' });
      expect((await room.secrets.remove(room.ctx, id, { retain: true })).result).toMatchObject({ state: 'deleted' });
    }
  });

  it('of what is deleted already is planned as little as it is done', async () => {
    const id = await room.secret(unique(), { sourceProfile: 'kv2', content: ONE });
    await room.secrets.remove(room.ctx, id, { retain: false });
    for (const retain of [true, false])
      await expect(room.secrets.planRemove(room.ctx, id, { retain })).rejects.toMatchObject({
        code: 'SECRET_NOT_FOUND',
      });
  });

  it('removes what carries our marker, whatever somebody wrote into it', async () => {
    const name = unique();
    const id = await room.secret(name, { sourceProfile: 'kv2', content: ONE });
    await kv2.write(name, THEIRS);
    await room.secrets.remove(room.ctx, id, { retain: false });
    expect(await kv2.read(name)).toBeUndefined();
  });

  it('hides, shows and erases no version of an object that took the place of ours', async () => {
    const name = unique();
    const id = await room.secret(name, { sourceProfile: 'kv2', content: ONE });
    await kv2.remove(name);
    await kv2.write(name, THEIRS);
    for (const act of ['softDelete', 'undelete', 'destroy'] as const)
      await expect(room.content.changeVersion(room.ctx, id, 1, act, {})).rejects.toMatchObject({
        code: 'SOURCE_NOT_OURS',
      });
    expect(await kv2.read(name)).toEqual(THEIRS);
  });
});

describe('versions at a foreign source', () => {
  it('are hidden, shown and erased, and stay erased', async () => {
    const id = await room.secret(unique(), { sourceProfile: 'kv2', content: ONE });
    await write(id, TWO);
    const act = (number: number, what: 'softDelete' | 'undelete' | 'destroy') =>
      room.content.changeVersion(room.ctx, id, number, what, {});
    const states = async () => (await versions(id)).map(({ state }) => state);
    await act(1, 'softDelete');
    expect(await states()).toEqual(['live', 'deleted']);
    await act(1, 'softDelete');
    await act(1, 'undelete');
    expect(await states()).toEqual(['live', 'live']);
    await act(1, 'destroy');
    await act(1, 'destroy');
    expect(await states()).toEqual(['live', 'destroyed']);
    for (const what of ['undelete', 'softDelete'] as const)
      await expect(act(1, what)).rejects.toMatchObject({
        code: 'VERSION_UNAVAILABLE',
        details: { reason: 'destroyed' },
      });
    expect(await states()).toEqual(['live', 'destroyed']);
    await expect(act(9, 'destroy')).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
  });

  it('that the vault no longer keeps are told as pruned once that was seen, and at once in the built-in vault', async () => {
    await room.builtin('few');
    const kept = 10;
    const pruned = async (id: string): Promise<number[]> =>
      (await versions(id)).filter(({ state }) => state === 'pruned').map(({ number }) => number);
    for (const source of ['kv2', 'few']) {
      const id = await room.secret(unique(), { sourceProfile: source, content: { value: '0' } });
      for (let n = 1; n <= kept; n += 1) await write(id, { value: String(n) });
      expect(await pruned(id)).toEqual(source === 'few' ? [1] : []);
      await expect(read(id, 1)).rejects.toMatchObject({ code: 'VERSION_UNAVAILABLE', details: { reason: 'pruned' } });
      expect(await pruned(id)).toEqual([1]);
      expect(await read(id, 2)).toEqual({ value: '1' });
    }
  });

  it('without a vault that keeps them are told as pruned, and cannot be read, hidden or restored', async () => {
    const id = await room.secret(unique(), { sourceProfile: 'kv1', content: ONE });
    await write(id, TWO);
    expect((await versions(id)).map(({ state }) => state)).toEqual(['live', 'pruned']);
    for (const work of [
      () => read(id, 1),
      () => room.content.restore(room.ctx, id, 1, {}),
      () => room.content.changeVersion(room.ctx, id, 1, 'destroy', {}),
    ])
      await expect(work()).rejects.toMatchObject({ code: 'VERSION_UNAVAILABLE', details: { reason: 'unversioned' } });
    expect(versionOf(changeOf(await write(id, ONE)))).toBe(3);
  });
});
