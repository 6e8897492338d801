import { beforeAll, describe, expect, it } from '@jest/globals';
import { FAULT_POINTS, setFaultHook, SOURCE_FAULT_POINTS, type FaultPoint } from '@claviger/kernel';
import { eventually } from '@claviger/testing';
import { kv1, kv2, ONE, read, room, secretOf, TWO, unique, write } from '../../../testing/src/foreign-room.js';
import { movingIn } from '../../../testing/src/moving-room.js';
import { dieAt, errorOf, failing, Killed, neverArrived, refused } from '../../../testing/src/secret-faults.js';
import { json, type OutsideMount } from '../../../testing/src/secret-room.js';

let other: OutsideMount;
beforeAll(async () => {
  await room.builtin('inside');
  await acceptDatabase();
  other = await room.outside('other', 'pruned');
});

const { acceptDatabase, move, places, recover, sourceOf, targets, working } = movingIn(() => room);
const create = (sourceProfile: string, syncProfiles: string[] = []): Promise<string> =>
  room.secret(unique(), { sourceProfile, syncProfiles, content: ONE });
const nameOf = async (id: string) => (await secretOf(id)).name;

describe('while a source is changed', () => {
  it.each(['inside', 'kv2', 'kv1'])(
    'everybody reads at %s and never an older version after a newer one',
    async (from) => {
      const id = await create(from);
      let isOver = false;
      const reader = async (): Promise<number> => {
        let [reads, newest] = [0, 0];
        for (; !isOver; reads += 1) {
          const { number } = await room.content.read(room.ctx, id);
          expect(number).toBeGreaterThanOrEqual(newest);
          newest = number;
        }
        return reads;
      };
      const writer = async (): Promise<void> => {
        for (let i = 0; i < 5; i += 1) await write(id, { value: `written-${i}` });
      };
      const readers = [reader(), reader()];
      const to = from === 'kv2' ? 'other' : 'kv2';
      await Promise.all([move(id, to), writer()]);
      await move(id, from);
      isOver = true;
      for (const reads of await Promise.all(readers)) expect(reads).toBeGreaterThan(0);
      await room.reconciler.reconcile(room.ctx, id);
      expect(await read(id)).toEqual({ value: 'written-4' });
      expect(await secretOf(id)).toMatchObject({ currentVersion: 6, drift: null });
      expect(await targets(id)).toMatchObject([{ profile: to, status: 'in_sync' }]);
    },
  );

  it('a read that began at the old place, and finds nothing there any more, is answered from the new one', async () => {
    const id = await create('kv2');
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let reads = 0;
    kv2.holds = (operation) => (operation === 'read' && reads++ === 0 ? released : undefined);
    const reading = read(id);
    await eventually(async () => expect(reads).toBe(1));
    await move(id, 'other');
    await working(id, room.secrets.removeSyncProfile(room.ctx, id, { profile: 'kv2', purge: true }));
    expect(await targets(id)).toEqual([]);
    release();
    expect(await reading).toEqual(ONE);
    expect(await secretOf(id)).toMatchObject({ drift: null });
  });

  it('a write that came in between is the one that is read at the new place', async () => {
    const id = await create('inside');
    let written: Promise<unknown> | undefined;
    kv2.holds = (operation) => (operation === 'read' ? (written ??= write(id, TWO)) : undefined);
    expect(await move(id, 'kv2')).toMatchObject({ state: 'done', result: { version: 2 } });
    await room.reconciler.reconcile(room.ctx, id);
    expect(await read(id)).toEqual(TWO);
    expect(await secretOf(id)).toMatchObject({ currentVersion: 2, drift: null });
    expect(await kv2.read(await nameOf(id))).toEqual(TWO);
  });

  it('deleting the secret wins, and takes the new copy with it', async () => {
    const id = await create('inside');
    const name = await nameOf(id);
    let deletion: Promise<unknown> | undefined;
    kv2.holds = (operation) =>
      operation === 'read' ? (deletion ??= room.secrets.remove(room.ctx, id, { retain: false })) : undefined;
    // Whether the last copy is gone by then, or about to be.
    expect((await errorOf(move(id, 'kv2'))).code).toMatch(/^SECRET_NOT_(ACTIVE|FOUND)$/);
    room.clock.skip(120_000);
    await room.reconciler.reconcile(room.ctx, id);
    expect(await kv2.read(name)).toBeUndefined();
    expect(await secretOf(id)).toMatchObject({ state: 'deleted' });
    expect(await places(id)).toEqual([]);
  });

  it('a write that waited for it is judged, and made, at the new source', async () => {
    for (const isAllowed of [true, false]) {
      const id = await create('kv2');
      const paths = { 'kv2/data/*': ['update'], ...(isAllowed && { 'other/data/*': ['update'] }) };
      const writer = room.caller({ ...paths, 'claviger/secrets/*': ['read'] });
      let late: Promise<unknown> | undefined;
      setFaultHook((point) => {
        if (point === 'source.established')
          late ??= room.content.write(writer, id, { content: json(TWO) }).catch((error: unknown) => error);
      });
      await move(id, 'other');
      setFaultHook(undefined);
      if (isAllowed) expect(await late).toMatchObject({ change: { state: 'done', result: { version: 2 } } });
      else expect(await late).toMatchObject({ code: 'ACCESS_DENIED' });
      expect(await read(id)).toEqual(isAllowed ? TWO : ONE);
      expect(await other.read(await nameOf(id))).toEqual(isAllowed ? TWO : ONE);
    }
  });

  it('a vault that refuses once for now is asked again', async () => {
    const id = await create('inside');
    failing(kv2, 'create', refused('THROTTLED'));
    expect(await move(id, 'kv2')).toMatchObject({ state: 'done' });
  });

  it('a copy whose write had no answer is not made the source while that may arrive', async () => {
    const id = await create('inside');
    failing(kv1, 'create', neverArrived('create'));
    expect(await errorOf(move(id, 'kv1'))).toMatchObject({
      code: 'NEW_SOURCE_NOT_EQUAL',
      details: { cause: 'TARGET_MAY_RECEIVE_LATE_WRITE' },
    });
    expect(await sourceOf(id)).toBe('inside');
    kv1.faults = () => undefined;
    room.clock.skip(120_000);
    await room.reconciler.reconcile(room.ctx, id);
    expect(await targets(id)).toEqual([]);
  });

  it('a copy that was told to hide the version, without an answer, is not made the source while that may be done', async () => {
    const id = await create('inside', ['kv2']);
    await room.reconciler.reconcile(room.ctx, id);
    failing(kv2, 'softDelete', neverArrived('softDelete'));
    await room.content.changeVersion(room.ctx, id, 1, 'softDelete', {});
    await room.reconciler.reconcile(room.ctx, id);
    await room.content.changeVersion(room.ctx, id, 1, 'undelete', {});
    kv2.faults = () => undefined;
    expect(await errorOf(move(id, 'kv2'))).toMatchObject({ details: { cause: 'TARGET_MAY_RECEIVE_LATE_WRITE' } });
    room.clock.skip(200_000);
    await room.reconciler.reconcile(room.ctx, id);
    expect(await move(id, 'kv2')).toMatchObject({ state: 'done' });
  });
});

describe('a process that dies while it changes a source', () => {
  const points = [...FAULT_POINTS.filter((point) => point.startsWith('change.')), ...SOURCE_FAULT_POINTS];
  it.each(points.filter((point) => point !== 'change.submitted') as FaultPoint[])(
    'at %s leaves everything to be finished by the next one',
    async (point) => {
      for (const [from, to] of [
        ['inside', 'kv2'],
        ['kv2', 'inside'],
        ['kv2', 'kv1'],
      ] as const) {
        const id = await create(from);
        dieAt(point);
        await expect(move(id, to)).rejects.toBeInstanceOf(Killed);
        expect(await read(id)).toEqual(ONE);
        await recover(id);
        expect(await sourceOf(id)).toBe(to);
        expect(await read(id)).toEqual(ONE);
        expect(await secretOf(id)).toMatchObject({ currentVersion: 1, drift: null });
        expect(await targets(id)).toMatchObject([{ profile: from, status: 'in_sync' }]);
        expect(await room.rows(`select 1 from change where secret_id = $1 and state = 'executing'`, [id])).toEqual([]);
      }
    },
  );
});
