import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { isAppError } from '@claviger/kernel';
import { ENTITIES } from '@claviger/composition';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { VaultError, type AdapterCall } from '@claviger/vaults/contract';
import {
  createSecretRoom,
  json,
  OutsideKind,
  type OutsideMount,
  type SecretRoom,
} from '../../../testing/src/secret-room.js';

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
  await room.builtin('inside-vault');
});
afterAll(() => db.drop());
afterEach(() => {
  for (const mount of kind.mounts.values()) mount.faults = () => undefined;
});

const OURS = { value: 'ours' };
const THEIRS = { value: 'theirs' };
const CALL: AdapterCall = { requestId: 'test', signal: new AbortController().signal };

let counter = 0;

async function create(mount: OutsideMount, more: object = {}): Promise<{ id: string; name: string }> {
  const name = `secret-${(counter += 1)}`;
  return { id: await room.secret(name, { sourceProfile: mount.path, content: OURS, ...more }), name };
}

const read = async (id: string): Promise<unknown> =>
  JSON.parse((await room.content.read(room.ctx, id)).content.reveal());
const secretOf = async (id: string) => (await room.secrets.find(room.ctx, id)).secret;
const driftOf = async (id: string) => (await secretOf(id)).drift;
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => {
      if (isAppError(error)) return error.code;
      throw error;
    },
  );
const events = async (id: string): Promise<unknown[]> =>
  (
    await room.rows(`select type, facts from event where subject_id = $1 and type like '%drift%' order by id`, [id])
  ).map(({ type, facts }) => [type, facts]);

/** The scheduled verification, once its time has come. */
async function verify(): Promise<void> {
  room.clock.skip(3_700_000);
  while ((await room.verification.run(room.ctx)) > 0);
}

const withBoth = (tell: (mount: () => OutsideMount, isVersioned: boolean) => void): void => {
  describe('with versions', () => {
    tell(() => kv2, true);
  });
  describe('without versions', () => {
    tell(() => kv1, false);
  });
};

describe('content that somebody changed at the source', () => {
  withBoth((mount, isVersioned) => {
    const readers = async (id: string): Promise<void> => {
      if (isVersioned) expect(await read(id)).toEqual(OURS);
      else expect(await codeOf(read(id))).toBe('SOURCE_DRIFTED');
    };

    it('is never read in place of the recorded version, nor becomes one; it is told once', async () => {
      const { id, name } = await create(mount());
      await mount().write(name, THEIRS);
      await readers(id);
      await readers(id);
      const { drift, currentVersion, revision } = await secretOf(id);
      expect(drift).toMatchObject({ kind: 'content', fingerprint: expect.any(String) });
      expect([currentVersion, revision]).toEqual([1, 1]);
      expect(await events(id)).toEqual([['secret.drifted', { kind: 'content' }]]);
      expect(await mount().read(name)).toEqual(THEIRS);
      const shown = await room.views.one(room.ctx, await secretOf(id));
      expect(shown.drift!.fingerprint).not.toBe(drift!.fingerprint);
    });

    it('is found by the verification', async () => {
      const { id, name } = await create(mount());
      const { id: untouched } = await create(mount());
      await mount().write(name, THEIRS);
      await verify();
      expect(await driftOf(id)).toMatchObject({ kind: 'content' });
      expect(await driftOf(untouched)).toBeNull();
      expect(await mount().read(name)).toEqual(THEIRS);
    });

    it('is told when it is something that no secret can hold', async () => {
      const { id, name } = await create(mount());
      await mount().write(name, { value: 'x'.repeat(70_000) });
      await readers(id);
      const first = await driftOf(id);
      expect(first).toMatchObject({ kind: 'content', fingerprint: expect.any(String) });
      await mount().write(name, { value: 'y'.repeat(70_000) });
      await verify();
      expect((await driftOf(id))!.fingerprint).not.toBe(first!.fingerprint);
      expect(await codeOf(room.content.adoptDrift(room.ctx, id))).toBe('CONTENT_TOO_LARGE');
      expect(await driftOf(id)).not.toBeNull();
    });

    it('is told as missing when the object is gone, and ends when it is written anew', async () => {
      const { id, name } = await create(mount());
      await mount().remove(name);
      expect(await codeOf(read(id))).toBe('VERSION_UNAVAILABLE');
      expect(await driftOf(id)).toMatchObject({ kind: 'missing' });
      expect(await codeOf(room.content.adoptDrift(room.ctx, id))).toBe('NOTHING_TO_ADOPT');
      await room.content.write(room.ctx, id, { content: json({ value: 'anew' }) });
      expect(await driftOf(id)).toBeNull();
      expect(await mount().read(name)).toEqual({ value: 'anew' });
    });

    it('becomes a version when it is adopted, and is then what is read', async () => {
      const { id, name } = await create(mount());
      await mount().write(name, THEIRS);
      await verify();
      const change = await room.content.adoptDrift(room.ctx, id, 'it was us');
      expect(change).toMatchObject({ state: 'done', result: { version: 2 } });
      expect(await read(id)).toEqual(THEIRS);
      expect(await secretOf(id)).toMatchObject({ currentVersion: 2, drift: null });
      const [newest] = await room.content.listVersions(room.ctx, id, { limit: 1 });
      expect(newest).toMatchObject({ number: 2, origin: 'adopted', reason: 'it was us', state: 'live' });
      expect((await events(id)).at(-1)).toEqual(['secret.drift-resolved', { version: 2, how: 'adopted' }]);
    });

    it('is adopted only as it was seen, and only when it is of the type', async () => {
      const { id, name } = await create(mount(), { type: 'basic-auth', content: { username: 'u', password: 'p' } });
      await mount().write(name, { username: 'u', password: 'q' });
      await verify();
      await mount().write(name, { username: 'u', password: 'r' });
      expect(await codeOf(room.content.adoptDrift(room.ctx, id))).toBe('CHANGE_STALE');
      await mount().write(name, { user: 'u' });
      await verify();
      expect(await codeOf(room.content.adoptDrift(room.ctx, id))).toMatch(/^CONTENT_/);
      expect(await secretOf(id)).toMatchObject({ currentVersion: 1, drift: { kind: 'content' } });
    });

    it('is written over when that is asked for, where the recorded content is still there', async () => {
      const { id, name } = await create(mount());
      await mount().write(name, THEIRS);
      await verify();
      const work = room.content.overwriteDrift(room.ctx, id);
      if (!isVersioned) {
        expect(await codeOf(work)).toBe('SOURCE_DRIFTED');
        expect(await mount().read(name)).toEqual(THEIRS);
        return;
      }
      expect(await work).toMatchObject({ change: { state: 'done', result: { version: 2 } } });
      expect(await mount().read(name)).toEqual(OURS);
      expect(await secretOf(id)).toMatchObject({ currentVersion: 2, drift: null });
    });

    it('has nothing to be resolved while there is none', async () => {
      const { id } = await create(mount());
      expect(await codeOf(room.content.adoptDrift(room.ctx, id))).toBe('NO_DRIFT');
      expect(await codeOf(room.content.overwriteDrift(room.ctx, id))).toBe('NO_DRIFT');
    });

    it('is not told while a change of ours is under way: what is there may be its work', async () => {
      const { id, name } = await create(mount());
      const unanswered = new VaultError({
        code: 'TIMEOUT',
        message: 'No answer.',
        backend: 'outside',
        operation: 'put',
        outcomeUnknown: true,
      });
      mount().faults = (operation) => (operation === 'put' ? { type: 'error-after', error: unanswered } : undefined);
      const written = await room.content.write(room.ctx, id, { content: json({ value: 'two' }) });
      expect(written).toMatchObject({ change: { state: 'executing' } });
      expect(await mount().read(name)).toEqual({ value: 'two' });
      // Who reads gets the version before it, where the vault has that still, and else is asked to come back.
      if (isVersioned) expect(await read(id)).toEqual(OURS);
      else expect(await codeOf(read(id))).toBe('SECRET_BUSY');
      await verify();
      expect(await driftOf(id)).toBeNull();
      mount().faults = () => undefined;
      room.clock.skip(120_000);
      await room.changes.recover(room.ctx);
      expect(await read(id)).toEqual({ value: 'two' });
      expect(await driftOf(id)).toBeNull();
      expect(await events(id)).toEqual([]);
    });

    it('is not guessed at while the vault does not answer', async () => {
      const { id, name } = await create(mount());
      await mount().remove(name);
      mount().faults = (operation) =>
        operation === 'describe' ? { type: 'error-before', error: 'UNAVAILABLE' } : undefined;
      expect(await codeOf(read(id))).toBe('VAULT_UNAVAILABLE');
      await verify();
      expect(await driftOf(id)).toBeNull();
      mount().faults = () => ({ type: 'error-before', error: 'UNAVAILABLE' });
      await verify();
      expect(await driftOf(id)).toBeNull();
    });
  });

  it('heals by itself when what was recorded is there again, and that is told', async () => {
    const { id, name } = await create(kv1);
    await kv1.write(name, THEIRS);
    await verify();
    await kv1.write(name, OURS);
    await verify();
    expect(await driftOf(id)).toBeNull();
    expect((await events(id)).map((event) => (event as string[])[0])).toEqual([
      'secret.drifted',
      'secret.drift-resolved',
    ]);
  });

  it('is told as hidden when the newest version was deleted there, and not when we deleted it ourselves', async () => {
    const { id, name } = await create(kv2);
    await kv2.vault.softDelete(CALL, name, ['1']);
    expect(await codeOf(read(id))).toBe('VERSION_UNAVAILABLE');
    expect(await driftOf(id)).toMatchObject({ kind: 'hidden' });
    await kv2.vault.undelete(CALL, name, ['1']);
    await verify();
    expect(await driftOf(id)).toBeNull();
    await room.content.changeVersion(room.ctx, id, 1, 'softDelete', {});
    expect(await codeOf(read(id))).toBe('VERSION_UNAVAILABLE');
    await verify();
    expect(await driftOf(id)).toBeNull();
  });

  it('keeps old versions apart when another object was adopted in the place of ours', async () => {
    const { id, name } = await create(kv2);
    await kv2.remove(name);
    await kv2.write(name, THEIRS);
    await verify();
    await room.content.adoptDrift(room.ctx, id);
    const states = (await room.content.listVersions(room.ctx, id, { limit: 5 })).map(({ state }) => state);
    expect(states).toEqual(['live', 'pruned']);
    expect(await codeOf(room.content.changeVersion(room.ctx, id, 1, 'destroy', {}))).toBe('VERSION_UNAVAILABLE');
    expect(await read(id)).toEqual(THEIRS);
  });

  it('is looked for at sources that others can reach, when they are due, and at no others', async () => {
    await verify();
    const { id } = await create(kv2);
    const inside = await room.secret(`secret-${(counter += 1)}`, { sourceProfile: 'inside-vault' });
    expect(await room.verification.run(room.ctx)).toBe(0);
    expect((await secretOf(id)).nextVerifyAt).not.toBeNull();
    expect((await secretOf(inside)).nextVerifyAt).toBeNull();
    await room.secrets.setDisabled(room.ctx, id, true);
    const before = (await secretOf(id)).verifiedAt;
    await verify();
    expect((await secretOf(id)).verifiedAt).toEqual(before);
    await room.secrets.setDisabled(room.ctx, id, false);
    await verify();
    expect((await secretOf(id)).verifiedAt!.getTime()).toBeGreaterThan(before!.getTime());
  });
});
