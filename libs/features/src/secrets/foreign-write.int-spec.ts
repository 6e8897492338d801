import { describe, expect, it } from '@jest/globals';
import {
  db,
  each,
  kv2,
  ONE,
  read,
  room,
  secretOf,
  THEIRS,
  TWO,
  unique,
  versions,
  waiting,
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
  refused,
} from '../../../testing/src/secret-faults.js';
import { json } from '../../../testing/src/secret-room.js';

const changeRow = async (id: string) => (await room.rows('select * from change where id = $1', [id]))[0]!;

describe('a write to a foreign source', () => {
  each((mount, isVersioned) => {
    const create = (name: string): Promise<string> => room.secret(name, { sourceProfile: mount().path, content: ONE });

    it('whose acknowledgement was lost is found by the recovery and not repeated', async () => {
      const name = unique();
      const id = await create(name);
      failing(mount(), 'put', answerLost());
      const change = changeOf(await write(id, TWO));
      expect(change).toMatchObject({ state: 'executing', errorCode: 'VAULT_TIMEOUT' });
      expect((await secretOf(id)).currentVersion).toBe(1);
      await recover(room);
      expect(await changeRow(change.id)).toMatchObject({ state: 'done', payload: null, error_code: null });
      expect(await secretOf(id)).toMatchObject({ currentVersion: 2, drift: null });
      expect(await read(id)).toEqual(TWO);
      expect(mount().versions(name)).toBe(isVersioned ? 2 : 1);
    });

    it('that never arrived is repeated by the recovery', async () => {
      const name = unique();
      const id = await create(name);
      failing(mount(), 'put', neverArrived('put'));
      expect(changeOf(await write(id, TWO, 1)).state).toBe('executing');
      expect(await mount().read(name)).toEqual(ONE);
      await recover(room);
      expect(await secretOf(id)).toMatchObject({ currentVersion: 2, drift: null });
      expect(await mount().read(name)).toEqual(TWO);
    });

    it.each(['UNAVAILABLE', 'PERMISSION_DENIED', 'SEALED', 'THROTTLED'] as const)(
      'whose outcome is not known stays open while the vault answers %s, and says so',
      async (code) => {
        const id = await create(unique());
        failing(mount(), 'put', answerLost());
        const { id: change } = changeOf(await write(id, TWO));
        mount().faults = () => refused(code);
        await recover(room);
        await recover(room);
        expect(await changeRow(change)).toMatchObject({ state: 'executing', error_code: `VAULT_${code}`, attempts: 3 });
        mount().faults = () => undefined;
        await recover(room);
        expect(await changeRow(change)).toMatchObject({ state: 'done', error_code: null, error_message: null });
        expect(await secretOf(id)).toMatchObject({ currentVersion: 2, drift: null });
      },
    );

    it('is finished by the next process wherever this one dies', async () => {
      for (const point of [
        'change.begun',
        'change.acting',
        'change.acted',
        'change.completing',
        'change.completed',
      ] as const) {
        const name = unique();
        const id = await create(name);
        dieAt(point);
        await expect(write(id, TWO)).rejects.toBeInstanceOf(Killed);
        await recover(room);
        expect(await secretOf(id)).toMatchObject({ currentVersion: 2, drift: null });
        expect(mount().versions(name)).toBe(isVersioned ? 2 : 1);
        expect(await read(id)).toEqual(TWO);
      }
    });

    it('without a base overwrites what somebody else put there, and says what was lost', async () => {
      const name = unique();
      const id = await create(name);
      await mount().write(name, THEIRS);
      const change = changeOf(await write(id, TWO));
      expect(change).toMatchObject({ state: 'done', result: { version: 2, overwroteForeign: expect.any(String) } });
      expect(await mount().read(name)).toEqual(TWO);
      expect(await secretOf(id)).toMatchObject({ currentVersion: 2, drift: null });
      expect(change.result!['overwroteForeign']).not.toBe((await versions(id))[1]!.fingerprint);
    });

    it('with a base never overwrites what somebody else put there: it is stale', async () => {
      const name = unique();
      const id = await create(name);
      await mount().write(name, THEIRS);
      const error = await errorOf(write(id, TWO, 1));
      expect(error).toMatchObject({ code: 'CHANGE_STALE', kind: 'precondition' });
      expect(await changeRow(error.details!['changeId'] as string)).toMatchObject({ state: 'stale', payload: null });
      expect(await mount().read(name)).toEqual(THEIRS);
      expect((await secretOf(id)).currentVersion).toBe(1);
    });

    it('without a base brings back what somebody removed', async () => {
      const name = unique();
      const id = await create(name);
      await mount().remove(name);
      expect(await errorOf(write(id, TWO, 1))).toMatchObject({ code: 'CHANGE_STALE' });
      expect(changeOf(await write(id, TWO)).state).toBe('done');
      expect(await read(id)).toEqual(TWO);
    });

    it('overwrites also what no secret can hold', async () => {
      const name = unique();
      const id = await create(name);
      await mount().write(name, { value: 'x'.repeat(70_000) });
      expect(changeOf(await write(id, TWO))).toMatchObject({ state: 'done', result: { version: 2 } });
      expect(await read(id)).toEqual(TWO);
    });

    it('that fails for certain leaves everything as it was, and can be tried again', async () => {
      const name = unique();
      const id = await create(name);
      failing(mount(), 'put', refused('UNAVAILABLE'));
      const error = await errorOf(write(id, TWO));
      expect(error).toMatchObject({ code: 'VAULT_UNAVAILABLE', kind: 'unavailable' });
      expect(await read(id)).toEqual(ONE);
      const retried = await room.changes.retry(room.ctx, error.details!['changeId'] as string);
      expect(retried).toMatchObject({ state: 'done', result: { version: 2 } });
      expect(await read(id)).toEqual(TWO);
    });

    it('does nothing when the secret was forgotten before the recovery came to it', async () => {
      const name = unique();
      const id = await create(name);
      failing(mount(), 'put', neverArrived('put'));
      const change = changeOf(await write(id, TWO));
      await room.secrets.remove(room.ctx, id, { retain: true });
      await recover(room);
      expect(await changeRow(change.id)).toMatchObject({ state: 'failed', error_code: 'SECRET_NOT_FOUND' });
      expect(await mount().read(name)).toEqual(ONE);
      expect((await secretOf(id)).state).toBe('deleted');
    });
  });

  it.each([undefined, 1])(
    '(base %s) that arrives while the recovery repeats it is taken for what it is',
    async (base) => {
      const name = unique();
      const id = await room.secret(name, { sourceProfile: 'kv2', content: ONE });
      failing(kv2, 'put', neverArrived('put'));
      expect(changeOf(await write(id, TWO, base)).state).toBe('executing');
      kv2.faults = (operation) => {
        // Takes effect before the call that asked.
        if (operation === 'put') void kv2.write(name, TWO);
        return undefined;
      };
      await recover(room);
      const [change] = await room.rows('select * from change where secret_id = $1 order by id desc limit 1', [id]);
      expect(change).toMatchObject({ state: 'done' });
      expect(change!['result']).not.toHaveProperty('overwroteForeign');
      expect(kv2.versions(name)).toBe(2);
      expect(await secretOf(id)).toMatchObject({ currentVersion: 2, currentBackendVersion: '2', drift: null });
    },
  );

  describe('where deletions wait', () => {
    const create = (name: string): Promise<string> => room.secret(name, { sourceProfile: 'waiting', content: ONE });
    const objectAt = (name: string) => waiting.vault.snapshot().get(name);

    it('takes back what somebody deleted, as ours and with its versions', async () => {
      const name = unique();
      const id = await create(name);
      const { metadata } = objectAt(name)!;
      await waiting.remove(name);
      expect(await errorOf(write(id, TWO, 1))).toMatchObject({ code: 'CHANGE_STALE' });
      expect(changeOf(await write(id, TWO)).state).toBe('done');
      expect(objectAt(name)).toMatchObject({ isWaiting: false, metadata });
      expect([await waiting.read(name), await read(id), await read(id, 1)]).toEqual([TWO, TWO, ONE]);
      expect((await versions(id)).map(({ state }) => state)).toEqual(['live', 'live']);
    });

    it('makes what is gone for good anew, as ours', async () => {
      const name = unique();
      const id = await create(name);
      const { metadata } = objectAt(name)!;
      waiting.vault.restore(new Map([...waiting.vault.snapshot()].filter(([one]) => one !== name)));
      expect(changeOf(await write(id, TWO)).state).toBe('done');
      expect(objectAt(name)?.metadata).toEqual(metadata);
      expect(metadata).toHaveProperty('claviger_owner');
      expect((await versions(id)).map(({ state }) => state)).toEqual(['live', 'pruned']);
    });

    it('leaves what waits there of somebody else, and says so', async () => {
      const name = unique();
      const id = await create(name);
      const theirs = { ...objectAt(name)!, metadata: { claviger_place: 'of another' }, isWaiting: true };
      waiting.vault.restore(new Map(waiting.vault.snapshot()).set(name, theirs));
      expect(await errorOf(write(id, TWO))).toMatchObject({ code: 'VAULT_PENDING_DELETION' });
      expect(objectAt(name)).toEqual(theirs);
    });

    it('is finished by the next process where this one dies after it was taken back', async () => {
      const name = unique();
      const id = await create(name);
      await waiting.remove(name);
      dieAt('change.acted');
      await expect(write(id, TWO)).rejects.toBeInstanceOf(Killed);
      await recover(room);
      expect(await secretOf(id)).toMatchObject({ currentVersion: 2, drift: null });
      expect([waiting.versions(name), await read(id, 1)]).toEqual([2, ONE]);
    });
  });

  it('keeps the versions of an object that was removed apart from those of its successor', async () => {
    const name = unique();
    const id = await room.secret(name, { sourceProfile: 'kv2', content: ONE });
    await kv2.remove(name);
    await write(id, TWO);
    const [now, before] = await room.rows(
      'select number, backend_version from secret_version where secret_id = $1 order by number desc',
      [id],
    );
    expect([now, before]).toEqual([
      { number: 2, backend_version: '1' },
      { number: 1, backend_version: '1' },
    ]);
    expect((await versions(id)).map(({ state }) => state)).toEqual(['live', 'pruned']);
    await expect(read(id, 1)).rejects.toMatchObject({ code: 'VERSION_UNAVAILABLE', details: { reason: 'pruned' } });
    for (const act of ['softDelete', 'undelete', 'destroy'] as const)
      await expect(room.content.changeVersion(room.ctx, id, 1, act, {})).rejects.toMatchObject({
        code: 'VERSION_UNAVAILABLE',
      });
    expect(await read(id)).toEqual(TWO);
  });

  it('does the same when it dies in between', async () => {
    const name = unique();
    const id = await room.secret(name, { sourceProfile: 'kv2', content: ONE });
    await kv2.remove(name);
    dieAt('change.acted');
    await expect(write(id, TWO)).rejects.toBeInstanceOf(Killed);
    await recover(room);
    expect(kv2.versions(name)).toBe(1);
    expect((await versions(id)).map(({ state }) => state)).toEqual(['live', 'pruned']);
  });

  it('is recovered beside others, each for itself', async () => {
    const ids = await Promise.all([1, 2, 3].map(() => room.secret(unique(), { sourceProfile: 'kv2', content: ONE })));
    for (const id of ids) {
      failing(kv2, 'put', answerLost());
      await write(id, TWO);
    }
    const [broken] = ids;
    await db.database.pool.query(`update change set payload = '\\x00' where secret_id = $1 and state = 'executing'`, [
      broken,
    ]);
    room.clock.skip(120_000);
    await room.changes.recover(room.ctx).catch(() => undefined);
    const states = await Promise.all(ids.map(async (id) => (await secretOf(id)).currentVersion));
    expect(states).toEqual([1, 2, 2]);
    await db.database.pool.query(`update change set state = 'abandoned' where secret_id = $1`, [broken]);
  });
});

describe('trying a failed change again', () => {
  async function failed(caller = room.ctx): Promise<{ id: string; changeId: string }> {
    const id = await room.secret(unique(), { sourceProfile: 'kv2', content: ONE });
    failing(kv2, 'put', refused('UNAVAILABLE'));
    const error = await errorOf(room.content.write(caller, id, { content: json(TWO) }));
    return { id, changeId: error.details!['changeId'] as string };
  }

  it('needs what the change needs, also of who asked for it first', async () => {
    const record = { 'claviger/secrets/kv2/*': ['read'] };
    const before = room.caller({ ...record, 'kv2/data/*': ['update'] });
    const after = room.caller(record);
    const same = { ...after, actor: { ...after.actor, rootId: before.actor.rootId } };
    const { id, changeId } = await failed(before);
    for (const act of ['retry', 'cancel'] as const)
      await expect(room.changes[act](same, changeId)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    expect(await read(id)).toEqual(ONE);
    expect((await room.changes.retry(before, changeId)).state).toBe('done');
  });

  it('is possible for who looks after changes, without any right to the content', async () => {
    const { id, changeId } = await failed(
      room.caller({ 'kv2/data/*': ['update'], 'claviger/secrets/kv2/*': ['read'] }),
    );
    const operator = room.caller({ 'claviger/changes/*': ['read', 'update'] });
    expect((await room.changes.retry(operator, changeId)).state).toBe('done');
    expect(await read(id)).toEqual(TWO);
  });

  it('is not told of to who may not see the change, and the audit log learns why', async () => {
    const { changeId } = await failed();
    const stranger = room.caller({});
    const error = await errorOf(room.changes.retry(stranger, changeId));
    expect(error).toMatchObject({ code: 'CHANGE_NOT_FOUND', cause: { code: 'ACCESS_DENIED' } });
    expect(error.details).toBeUndefined();
  });

  it('waits for another change of the secret', async () => {
    const { id, changeId } = await failed();
    failing(kv2, 'put', answerLost());
    expect(changeOf(await write(id, { value: 'three' })).state).toBe('executing');
    await expect(room.changes.retry(room.ctx, changeId)).rejects.toMatchObject({ code: 'SECRET_BUSY' });
    await recover(room);
    expect((await room.changes.retry(room.ctx, changeId)).state).toBe('done');
    expect(await read(id)).toEqual(TWO);
  });
});
