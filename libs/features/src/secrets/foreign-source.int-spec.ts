import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { setFaultHook, type AppError, type FaultPoint } from '@claviger/kernel';
import { ENTITIES } from '@claviger/composition';
import type { ChangeEntity } from '@claviger/features/changes';
import { createTestDatabase, type Fault, type TestDatabase } from '@claviger/testing';
import { VaultError, type AdapterOperation, type VaultErrorCode } from '@claviger/vaults/contract';
import {
  createSecretRoom,
  json,
  OutsideKind,
  versionOf,
  type OutsideMount,
  type SecretRoom,
} from '../../../testing/src/secret-room.js';
import type { WriteResult } from './content.service.js';

class Killed extends Error {}

let db: TestDatabase;
let kind: OutsideKind;
let room: SecretRoom;
let kv2: OutsideMount;
let kv1: OutsideMount;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  kind = new OutsideKind();
  room = await createSecretRoom(db, kind);
  kv2 = await room.outside('kv2', 'pruned');
  kv1 = await room.outside('kv1', 'plain');
});
afterAll(() => db.drop());
afterEach(() => {
  setFaultHook(undefined);
  for (const mount of kind.mounts.values()) mount.faults = () => undefined;
});

const ONE = { value: 'one' };
const TWO = { value: 'two' };
const THEIRS = { value: 'theirs' };

let counter = 0;
const unique = (): string => `secret-${(counter += 1)}`;

/** Vaults with versions and compare-and-set, and without. */
const each = (tell: (mount: () => OutsideMount, isVersioned: boolean) => void): void => {
  describe('in a vault with versions', () => {
    tell(() => kv2, true);
  });
  describe('in a vault without', () => {
    tell(() => kv1, false);
  });
};

/** The operation fails so, as often as said; the rest goes through. */
function failing(mount: OutsideMount, operation: AdapterOperation, fault: Fault, times = 1): void {
  let left = times;
  mount.faults = (called) => (called === operation && left-- > 0 ? fault : undefined);
}

const unanswered = (operation: AdapterOperation): VaultError =>
  new VaultError({ code: 'TIMEOUT', message: 'No answer.', backend: 'outside', operation, outcomeUnknown: true });
const lost = (): Fault => ({ type: 'error-after', error: 'TIMEOUT' });
const neverSent = (operation: AdapterOperation): Fault => ({ type: 'error-before', error: unanswered(operation) });
const refused = (error: VaultErrorCode): Fault => ({ type: 'error-before', error });

function dieAt(point: FaultPoint): void {
  setFaultHook((reached) => {
    if (reached !== point) return;
    setFaultHook(undefined);
    throw new Killed();
  });
}

/** Another process takes over what was left behind. */
async function recover(): Promise<void> {
  room.clock.skip(120_000);
  await room.changes.recover(room.ctx);
}

const errorOf = (work: Promise<unknown>): Promise<AppError> =>
  work.then(
    () => {
      throw new Error('It was done.');
    },
    (error: AppError) => error,
  );
const changeOf = (result: WriteResult): ChangeEntity => {
  if ('change' in result) return result.change;
  throw new Error('Nothing was written.');
};
const write = (id: string, content: object, baseVersion?: number): Promise<WriteResult> =>
  room.content.write(room.ctx, id, { content: json(content), ...(baseVersion === undefined ? {} : { baseVersion }) });
const read = async (id: string, version?: number): Promise<unknown> =>
  JSON.parse((await room.content.read(room.ctx, id, version)).content.reveal());
const secretOf = async (id: string) => (await room.secrets.find(room.ctx, id)).secret;
const changeRow = async (id: string) => (await room.rows('select * from change where id = $1', [id]))[0]!;
const versions = (id: string) => room.content.listVersions(room.ctx, id, { limit: 50 });

describe('a write to a foreign source', () => {
  each((mount, isVersioned) => {
    const create = (name: string): Promise<string> => room.secret(name, { sourceProfile: mount().path, content: ONE });

    it('whose acknowledgement was lost is found by the recovery and not repeated', async () => {
      const name = unique();
      const id = await create(name);
      failing(mount(), 'put', lost());
      const change = changeOf(await write(id, TWO));
      expect(change).toMatchObject({ state: 'executing', errorCode: 'VAULT_TIMEOUT' });
      expect((await secretOf(id)).currentVersion).toBe(1);
      await recover();
      expect(await changeRow(change.id)).toMatchObject({ state: 'done', payload: null, error_code: null });
      expect(await secretOf(id)).toMatchObject({ currentVersion: 2, drift: null });
      expect(await read(id)).toEqual(TWO);
      expect(mount().versions(name)).toBe(isVersioned ? 2 : 1);
    });

    it('that never arrived is repeated by the recovery', async () => {
      const name = unique();
      const id = await create(name);
      failing(mount(), 'put', neverSent('put'));
      expect(changeOf(await write(id, TWO, 1)).state).toBe('executing');
      expect(await mount().read(name)).toEqual(ONE);
      await recover();
      expect(await secretOf(id)).toMatchObject({ currentVersion: 2, drift: null });
      expect(await mount().read(name)).toEqual(TWO);
    });

    it.each(['UNAVAILABLE', 'PERMISSION_DENIED', 'SEALED', 'THROTTLED'] as const)(
      'whose outcome is not known stays open while the vault answers %s, and says so',
      async (code) => {
        const id = await create(unique());
        failing(mount(), 'put', lost());
        const { id: change } = changeOf(await write(id, TWO));
        mount().faults = () => refused(code);
        await recover();
        await recover();
        expect(await changeRow(change)).toMatchObject({ state: 'executing', error_code: `VAULT_${code}`, attempts: 3 });
        mount().faults = () => undefined;
        await recover();
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
        await recover();
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
      failing(mount(), 'put', neverSent('put'));
      const change = changeOf(await write(id, TWO));
      await room.secrets.remove(room.ctx, id, { retain: true });
      await recover();
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
      failing(kv2, 'put', neverSent('put'));
      expect(changeOf(await write(id, TWO, base)).state).toBe('executing');
      kv2.faults = (operation) => {
        // Takes effect before the call that asked.
        if (operation === 'put') void kv2.write(name, TWO);
        return undefined;
      };
      await recover();
      const [change] = await room.rows('select * from change where secret_id = $1 order by id desc limit 1', [id]);
      expect(change).toMatchObject({ state: 'done' });
      expect(change!['result']).not.toHaveProperty('overwroteForeign');
      expect(kv2.versions(name)).toBe(2);
      expect(await secretOf(id)).toMatchObject({ currentVersion: 2, currentBackendVersion: '2', drift: null });
    },
  );

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
    await recover();
    expect(kv2.versions(name)).toBe(1);
    expect((await versions(id)).map(({ state }) => state)).toEqual(['live', 'pruned']);
  });

  it('is recovered beside others, each for itself', async () => {
    const ids = await Promise.all([1, 2, 3].map(() => room.secret(unique(), { sourceProfile: 'kv2', content: ONE })));
    for (const id of ids) {
      failing(kv2, 'put', lost());
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
        mount().faults = (operation) => (operation === 'create' || operation === 'put' ? lost() : undefined);
        await create(name, onConflict);
        const [before] = await room.rows('select id, state from secret where name = $1', [name]);
        expect(before!['state']).toBe('creating');
        mount().faults = () => undefined;
        await recover();
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
          await recover();
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

    it('does not bring a secret back that was forgotten meanwhile', async () => {
      const name = unique();
      failing(mount(), 'create', lost());
      const id = await create(name, 'fail');
      expect((await secretOf(id)).state).toBe('creating');
      await room.secrets.remove(room.ctx, id, { retain: true });
      await recover();
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
    await recover();
    expect(await secretOf(id)).toMatchObject({ state: 'active', currentVersion: 1 });
    expect(await read(id)).toEqual(ONE);
  });
});

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
      expect(await room.secrets.planRemove(room.ctx, id, { retain: false })).toMatchObject([{ action: 'conflict' }]);
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
        if (point === 'lost') failing(mount(), 'purge', lost());
        else dieAt(point);
        await remove(id).catch((error: unknown) => expect(error).toBeInstanceOf(Killed));
        await recover();
        expect((await secretOf(id)).state).toBe('deleted');
        expect(await mount().read(name)).toBeUndefined();
        expect(await room.rows('select 1 from backend_place where secret_id = $1', [id])).toEqual([]);
      }
    });

    it('touches nothing any more when the secret was forgotten before the recovery came to it', async () => {
      const name = unique();
      const id = await create(name);
      failing(mount(), 'purge', neverSent('purge'));
      expect((await remove(id)).state).toBe('executing');
      await room.secrets.remove(room.ctx, id, { retain: true });
      await recover();
      expect(await mount().read(name)).toEqual(ONE);
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
    for (const [source, keeps] of [
      ['kv2', 10],
      ['few', 10],
    ] as const) {
      const id = await room.secret(unique(), { sourceProfile: source, content: { value: '0' } });
      for (let n = 1; n <= keeps; n += 1) await write(id, { value: String(n) });
      await expect(read(id, 1)).rejects.toMatchObject({ code: 'VERSION_UNAVAILABLE', details: { reason: 'pruned' } });
      const listed = await versions(id);
      expect(listed).toHaveLength(keeps + 1);
      expect(listed.filter(({ state }) => state === 'pruned').map(({ number }) => number)).toEqual([1]);
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
    await expect(room.changes.retry(same, changeId)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    expect(await read(id)).toEqual(ONE);
    expect((await room.changes.retry(before, changeId)).state).toBe('done');
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
    failing(kv2, 'put', lost());
    expect(changeOf(await write(id, { value: 'three' })).state).toBe('executing');
    await expect(room.changes.retry(room.ctx, changeId)).rejects.toMatchObject({ code: 'SECRET_BUSY' });
    await recover();
    expect((await room.changes.retry(room.ctx, changeId)).state).toBe('done');
    expect(await read(id)).toEqual(TWO);
  });
});
