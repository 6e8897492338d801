import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { setFaultHook } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { KeyProcess } from '../../../testing/src/key-room.js';
import { AheadClock, json, OutsideKind, type OutsideMount } from '../../../testing/src/secret-room.js';

let db: TestDatabase;
let here: KeyProcess;
let source: OutsideMount;
let copies: OutsideMount;
let count = 0;

beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  here = await KeyProcess.start(db, new OutsideKind(), new AheadClock());
  await here.room.builtin('prod');
  // As the start of a process does.
  await here.room.rows(
    'insert into database_epoch (id, system_identifier) select 1, system_identifier::text from pg_control_system()',
  );
  source = await here.room.outside('source');
  // Without metadata only content tells what is there.
  copies = await here.room.outside('copies', 'plain');
});
afterAll(() => db.drop());

const name = (): string => `secret-${(count += 1)}`;
const row = async (id: string): Promise<Record<string, unknown>> =>
  (await here.room.rows('select * from secret where id = $1', [id]))[0]!;
const target = async (id: string): Promise<Record<string, unknown>> =>
  (await here.room.rows('select * from sync_target where secret_id = $1', [id]))[0]!;
const versions = async (id: string): Promise<string[]> =>
  (await here.room.rows('select fingerprint from secret_version where secret_id = $1 order by number', [id])).map(
    (version) => keyOf(version['fingerprint']),
  );
const keyOf = (fingerprint: unknown): string => (fingerprint as string).split(':')[0]!;
const active = (): string => here.keyring.keyIds(here.keyring.rootStoreId, 'fingerprint')[0]!;
const write = (id: string, value: string): Promise<unknown> =>
  here.room.content.write(here.room.ctx, id, { content: json({ value }) });
const reconcile = async (id: string): Promise<void> => {
  here.room.clock.skip(60_000);
  await here.room.reconciler.reconcile(here.ctx, id);
};
/** The new key is in force, and the worker that would renew what the old one made does not run. */
async function replaceKey(): Promise<void> {
  const { id } = await here.rotations.start(here.room.ctx, 'fingerprint');
  const stop = new AbortController();
  setFaultHook(() => stop.abort());
  await here.rotator.advance({ ...here.ctx, signal: stop.signal });
  setFaultHook(undefined);
  await here.room.rows(`update key_rotation set state = 'done' where id = $1`, [id]);
  await here.registry.beat();
}

describe('rotation of a fingerprint key', () => {
  it('renews the current version, and leaves history as it is', async () => {
    const id = await here.room.secret(name());
    await write(id, 'two');
    const old = active();
    const { revision } = await row(id);
    const rotation = await here.rotations.get(here.room.ctx, await here.rotate('fingerprint'));
    expect(rotation).toMatchObject({ state: 'done', fromKeyId: old, toKeyId: active(), failed: '0' });
    expect(await versions(id)).toEqual([old, active()]);
    expect(await row(id)).toMatchObject({ revision });
    expect(keyOf((await row(id))['current_fingerprint'])).toBe(active());
  });

  it('finds equal content to be equal, whichever key stands beside it', async () => {
    const id = await here.room.secret(name());
    await replaceKey();
    expect(keyOf((await row(id))['current_fingerprint'])).not.toBe(active());
    expect(await write(id, 'one')).toEqual({ unchanged: true, version: 1 });
    // … and another content makes a version.
    expect(await write(id, 'two')).toMatchObject({ change: { state: 'done' } });
  });

  it('renews sources and copies in other vaults together, and writes none of them', async () => {
    const id = await here.room.secret(name(), { sourceProfile: 'source', syncProfiles: ['copies'] });
    await reconcile(id);
    expect(await target(id)).toMatchObject({ status: 'in_sync' });
    const held = (await row(id))['physical_name'] as string;
    const written = copies.versions(held);
    await here.rotate('fingerprint');
    for (const column of ['desired_fingerprint', 'observed_fingerprint'])
      expect(keyOf((await target(id))[column])).toBe(active());
    await reconcile(id);
    expect(await target(id)).toMatchObject({ status: 'in_sync' });
    expect(copies.versions(held)).toBe(written);
  });

  it.each([
    ['is_look_due = true', 'looks before it writes'],
    [`verified_epoch = 'an earlier life/00000001'`, 'may be restored'],
  ])('takes an older version at a target for ours after the rotation: %s', async (set) => {
    const id = await here.room.secret(name(), { syncProfiles: ['copies'] });
    await reconcile(id);
    const held = (await target(id))['physical_name'] as string;
    await replaceKey();
    await write(id, 'two');
    // What is there is version 1, recorded under the key that was replaced.
    await here.room.rows(`update sync_target set ${set} where secret_id = $1`, [id]);
    await reconcile(id);
    expect(await copies.read(held)).toEqual({ value: 'two' });
    expect(await target(id)).toMatchObject({ status: 'in_sync', drift: null, overwritten: null });
  });

  it('leaves what cannot be read, and renews it once its source is verified', async () => {
    const id = await here.room.secret(name(), { sourceProfile: 'source' });
    const old = active();
    source.faults = (operation) => (operation === 'read' ? { type: 'error-before', error: 'UNAVAILABLE' } : undefined);
    const rotationId = await here.rotate('fingerprint');
    source.faults = () => undefined;
    expect(await here.rotations.get(here.room.ctx, rotationId)).toMatchObject({
      state: 'done',
      failed: expect.not.stringMatching(/^0$/),
    });
    expect(keyOf((await row(id))['current_fingerprint'])).toBe(old);
    here.room.clock.skip(3_700_000);
    while ((await here.room.verification.run(here.ctx)) > 0);
    expect(keyOf((await row(id))['current_fingerprint'])).toBe(active());
  });

  it('never renews by content that is not what was recorded', async () => {
    const id = await here.room.secret(name(), { sourceProfile: 'source' });
    const old = active();
    await source.write((await row(id))['physical_name'] as string, { value: 'of somebody else' });
    await here.rotate('fingerprint');
    expect(keyOf((await row(id))['current_fingerprint'])).toBe(old);
  });
});
