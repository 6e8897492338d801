import { describe, expect, it } from '@jest/globals';
import { eventually } from '@claviger/testing';
import { each, ONE, read, room, secretOf, THEIRS, unique, versions } from '../../../testing/src/foreign-room.js';
import {
  answerLost,
  dieAt,
  errorOf,
  failing,
  Killed,
  neverArrived,
  recover,
  refused,
} from '../../../testing/src/secret-faults.js';

describe('creating over a place that holds something', () => {
  each((mount, isVersioned) => {
    const create = (name: string, onConflict: 'fail' | 'adopt-if-equal' | 'overwrite'): Promise<string> =>
      room.secret(name, { sourceProfile: mount().path, content: ONE, onConflict });

    it('is refused, and leaves it and the name alone', async () => {
      const name = unique();
      for (const content of [THEIRS, ONE, { value: 'x'.repeat(70_000) }]) {
        await mount().write(name, content);
        expect(await errorOf(create(name, 'fail'))).toMatchObject({
          code: 'PLACE_OCCUPIED',
          details: { profile: mount().path, name },
        });
        expect(await mount().read(name)).toEqual(content);
      }
      expect(await room.rows('select 1 from secret where name = $1', [name])).toEqual([]);
      expect(await room.rows('select 1 from backend_place where physical_name like $1', [`%/${name}`])).toEqual([]);
      await mount().remove(name);
      await create(name, 'fail');
    });

    it('is refused once more when the refused change is tried again, also when what is there is equal', async () => {
      const name = unique();
      await mount().write(name, ONE);
      const error = await errorOf(create(name, 'fail'));
      await expect(room.changes.retry(room.ctx, error.details!['changeId'] as string)).rejects.toMatchObject({
        code: 'PLACE_OCCUPIED',
      });
      expect(await room.rows('select 1 from secret where name = $1', [name])).toEqual([]);
    });

    it('adopts what is equal, without writing, and nothing else', async () => {
      const [equal, different] = [unique(), unique()];
      await mount().write(equal, ONE);
      await mount().write(different, THEIRS);
      const id = await create(equal, 'adopt-if-equal');
      expect(await versions(id)).toMatchObject([{ number: 1, origin: 'adopted' }]);
      expect(mount().versions(equal)).toBe(1);
      expect(await read(id)).toEqual(ONE);
      expect(await errorOf(create(different, 'adopt-if-equal'))).toMatchObject({ code: 'PLACE_DIFFERS' });
      expect(await mount().read(different)).toEqual(THEIRS);
    });

    it('overwrites when that is asked for, and says what was lost', async () => {
      const name = unique();
      await mount().write(name, THEIRS);
      const id = await create(name, 'overwrite');
      expect(await mount().read(name)).toEqual(ONE);
      const [change] = await room.rows('select result from change where secret_id = $1', [id]);
      expect(change!['result']).toMatchObject({ version: 1, adopted: false, overwroteForeign: expect.any(String) });
      // From now on it is the secret's.
      await room.secrets.remove(room.ctx, id, { retain: false });
      expect(await mount().read(name)).toBeUndefined();
    });

    it.each(['fail', 'adopt-if-equal', 'overwrite'] as const)(
      '(%s) is finished after a lost answer, once',
      async (onConflict) => {
        const name = unique();
        if (onConflict === 'overwrite') await mount().write(name, THEIRS);
        if (onConflict === 'adopt-if-equal') await mount().write(name, ONE);
        mount().faults = (operation) => (operation === 'create' || operation === 'put' ? answerLost() : undefined);
        await create(name, onConflict);
        const [before] = await room.rows('select id, state from secret where name = $1', [name]);
        expect(before!['state']).toBe('creating');
        mount().faults = () => undefined;
        await recover(room);
        const id = before!['id'] as string;
        expect(await secretOf(id)).toMatchObject({ state: 'active', currentVersion: 1 });
        expect(await read(id)).toEqual(ONE);
        expect(mount().versions(name)).toBe(isVersioned && onConflict === 'overwrite' ? 2 : 1);
      },
    );

    it('is finished by the next process wherever this one dies', async () => {
      for (const onConflict of ['fail', 'overwrite'] as const)
        for (const point of ['change.begun', 'change.acting', 'change.acted', 'change.completing'] as const) {
          const name = unique();
          if (onConflict === 'overwrite') await mount().write(name, THEIRS);
          dieAt(point);
          await expect(create(name, onConflict)).rejects.toBeInstanceOf(Killed);
          await recover(room);
          const [row] = await room.rows('select id, state, current_version from secret where name = $1', [name]);
          expect(row).toMatchObject({ state: 'active', current_version: 1 });
          expect(await mount().read(name)).toEqual(ONE);
        }
    });

    it('that fails for certain leaves no name, place or object behind, and can be tried again', async () => {
      const name = unique();
      failing(mount(), 'create', refused('UNAVAILABLE'));
      const error = await errorOf(create(name, 'fail'));
      expect(error.code).toBe('VAULT_UNAVAILABLE');
      expect(await room.rows('select 1 from secret where name = $1', [name])).toEqual([]);
      expect(await mount().read(name)).toBeUndefined();
      const retried = await room.changes.retry(room.ctx, error.details!['changeId'] as string);
      expect(retried.state).toBe('done');
      expect(await read(retried.secretId!)).toEqual(ONE);
    });

    it('is not begun for a secret that was forgotten before the recovery came to it', async () => {
      const name = unique();
      failing(mount(), 'create', neverArrived('create'));
      const id = await create(name, 'fail');
      await room.secrets.remove(room.ctx, id, { retain: true });
      await recover(room);
      expect(await mount().read(name)).toBeUndefined();
      expect((await secretOf(id)).state).toBe('deleted');
    });

    it('does not bring a secret back that is forgotten while its vault is being written', async () => {
      const name = unique();
      let release = (): void => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      mount().holds = (operation) => (operation === 'create' ? held : undefined);
      const creating = create(name, 'fail').catch((error: unknown) => error);
      const [row] = await eventually(async () => {
        const found = await room.rows('select id from secret where name = $1', [name]);
        expect(found).toHaveLength(1);
        return found;
      });
      const id = row!['id'] as string;
      await room.secrets.remove(room.ctx, id, { retain: true });
      release();
      expect(await creating).toMatchObject({ code: 'SECRET_NOT_FOUND' });
      expect(await secretOf(id)).toMatchObject({ state: 'deleted', currentVersion: 0 });
      expect(await room.rows('select 1 from backend_place where secret_id = $1', [id])).toEqual([]);
      expect(await mount().read(name)).toEqual(ONE);
    });

    it('leaves a secret forgotten that was forgotten before its answer was known', async () => {
      const name = unique();
      failing(mount(), 'create', answerLost());
      const id = await create(name, 'fail');
      expect((await secretOf(id)).state).toBe('creating');
      await room.secrets.remove(room.ctx, id, { retain: true });
      await recover(room);
      expect((await secretOf(id)).state).toBe('deleted');
      const [change] = await room.rows('select state, error_code from change where secret_id = $1 and kind = $2', [
        id,
        'secret.create',
      ]);
      expect(change).toEqual({ state: 'failed', error_code: 'SECRET_NOT_FOUND' });
      expect(await room.rows('select 1 from backend_place where secret_id = $1', [id])).toEqual([]);
      expect(await mount().read(name)).toEqual(ONE);
    });
  });

  it('in the built-in vault with a target waits with its deletion until it is there', async () => {
    await room.builtin('inside-too');
    const name = unique();
    dieAt('change.acting');
    await expect(
      room.secret(name, { sourceProfile: 'inside-too', syncProfiles: ['kv2'], content: ONE }),
    ).rejects.toBeInstanceOf(Killed);
    const [row] = await room.rows('select id from secret where name = $1', [name]);
    const id = row!['id'] as string;
    await expect(room.secrets.remove(room.ctx, id, { retain: false })).rejects.toMatchObject({
      code: 'SECRET_NOT_ACTIVE',
    });
    await recover(room);
    expect(await secretOf(id)).toMatchObject({ state: 'active', currentVersion: 1 });
    expect(await read(id)).toEqual(ONE);
  });
});
