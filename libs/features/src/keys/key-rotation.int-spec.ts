import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { setFaultHook } from '@claviger/kernel';
import { Keyring, RootKey, RootKeys, sealedKeyId } from '@claviger/platform/crypto';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { KeyProcess } from '../../../testing/src/key-room.js';
import { errorOf } from '../../../testing/src/secret-faults.js';
import { json } from '../../../testing/src/secret-room.js';
import { SETTLING_MS } from './key-rotation.policy.js';

let db: TestDatabase;
let here: KeyProcess;
let count = 0;

beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  here = await KeyProcess.start(db);
  await here.room.builtin('prod');
});
afterAll(() => db.drop());
afterEach(() => setFaultHook(undefined));

const secret = (content: object = { value: 'one' }): Promise<string> =>
  here.room.secret(`secret-${(count += 1)}`, { content });
const read = async (id: string, at = here): Promise<string> =>
  (await at.room.content.read(at.room.ctx, id)).content.reveal();
const rotation = async (id: string): Promise<Record<string, unknown>> => ({
  ...(await here.rotations.get(here.room.ctx, id)),
});
const sealedUnder = async (): Promise<Set<string>> =>
  new Set(
    (await here.room.rows('select content from builtin_version')).map((row) => sealedKeyId(row['content'] as Buffer)),
  );
const active = (purpose: 'data' | 'fingerprint' = 'data'): string =>
  here.keyring.keyIds(here.keyring.rootStoreId, purpose)[0]!;
const keys = async (): Promise<string[]> =>
  (await here.room.rows(`select id from store_key where purpose = 'data'`)).map((row) => row['id'] as string);

describe('rotation of a data key', () => {
  it('seals everything again under the new key, and nothing is read otherwise than before', async () => {
    const id = await secret({ value: 'kept' });
    const before = active();
    const { revision, updated_at: updatedAt } = (await here.room.rows('select * from secret where id = $1', [id]))[0]!;
    const done = await rotation(await here.rotate('data'));
    expect(done).toMatchObject({ kind: 'data', state: 'settling', fromKeyId: before, toKeyId: active(), failed: '0' });
    expect(active()).not.toBe(before);
    expect(await sealedUnder()).toEqual(new Set([active()]));
    expect(JSON.parse(await read(id))).toEqual({ value: 'kept' });
    expect((await here.room.rows('select * from secret where id = $1', [id]))[0]).toMatchObject({
      revision,
      updated_at: updatedAt,
    });
  });

  it('destroys the old key a day later, and only when nothing is sealed under it', async () => {
    await secret();
    const old = active();
    const id = await here.rotate('data');
    expect(await keys()).toContain(old);
    here.room.clock.skip(SETTLING_MS + 1);
    await here.rotator.advance(here.ctx);
    expect(await rotation(id)).toMatchObject({ state: 'done', endedAt: expect.any(Date) });
    expect(await keys()).toEqual([active()]);
    const audited = await here.room.rows(`select action, details from audit_entry where resource_id = $1 order by id`, [
      id,
    ]);
    expect(audited.map(({ action }) => action)).toEqual(['key.rotate', 'key.rotated']);
  });

  it('keeps the old key for what does not open, and says how much that is', async () => {
    const [good, bad] = [await secret({ value: 'good' }), await secret()];
    const old = active();
    await here.room.rows(
      `update builtin_version set content = set_byte(content, 30, get_byte(content, 30) # 1)
       where (mount, name) = (select 'prod', physical_name from secret where id = $1)`,
      [bad],
    );
    const id = await here.rotate('data');
    expect(await rotation(id)).toMatchObject({ state: 'settling', failed: '1' });
    here.room.clock.skip(SETTLING_MS + 1);
    await here.rotator.advance(here.ctx);
    expect(await rotation(id)).toMatchObject({ state: 'settling', failed: '1' });
    expect(await keys()).toContain(old);
    expect(JSON.parse(await read(good))).toEqual({ value: 'good' });
    await here.room.rows(
      'delete from builtin_version where (mount, name) = ($1, (select physical_name from secret where id = $2))',
      ['prod', bad],
    );
    here.room.clock.skip(SETTLING_MS + 1);
    await here.rotator.advance(here.ctx);
    expect(await keys()).toEqual([active()]);
  });

  it('refuses a second one while one is under way', async () => {
    await here.rotations.start(here.room.ctx, 'data');
    expect(await errorOf(here.rotations.start(here.room.ctx, 'data'))).toMatchObject({
      code: 'KEY_ROTATION_UNDER_WAY',
    });
    await here.rotator.advance(here.ctx);
  });

  it('seals nothing under a key that a live process does not know yet', async () => {
    const other = await KeyProcess.start(db, undefined, here.room.clock);
    const old = active();
    const { id } = await here.rotations.start(here.room.ctx, 'data');
    await here.rotator.advance(here.ctx);
    expect(await rotation(id)).toMatchObject({ state: 'adding' });
    expect(active()).toBe(old);
    const { rotations } = await here.status.get(here.room.ctx);
    expect(rotations.find(({ rotation: { state } }) => state === 'adding')).toMatchObject({
      waitsFor: [{ id: other.registry.id }],
    });
    await other.registry.beat();
    await here.rotator.advance(here.ctx);
    // The new key is in force; the other process still seals under the old one, and opens both.
    expect(await rotation(id)).toMatchObject({ state: 'switching' });
    const [mine, its] = [
      await secret({ value: 'mine' }),
      await other.room.secret('its', { content: { value: 'its' } }),
    ];
    expect(await sealedUnder()).toEqual(new Set([old, active()]));
    expect(JSON.parse(await read(mine, other))).toEqual({ value: 'mine' });
    expect(JSON.parse(await read(its))).toEqual({ value: 'its' });
    await other.registry.beat();
    await here.rotator.advance(here.ctx);
    expect(await rotation(id)).toMatchObject({ state: 'settling' });
    expect(await sealedUnder()).toEqual(new Set([active()]));
    await other.die();
  });

  it.each(['key-rotation.stepping', 'key-rotation.stepped'] as const)(
    'goes on after a crash at any %s, with everything readable in between',
    async (point) => {
      const ids: string[] = [];
      for (let i = 0; i < 3; i += 1) ids.push(await secret({ value: `n${i}` }));
      const { id } = await here.rotations.start(here.room.ctx, 'data');
      let crashes = 0;
      // Dies at the first place, then, what died there being done, at the next one, until nothing is left to do.
      for (let survived = 0; (await rotation(id))['state'] !== 'settling'; survived += 1) {
        let reached = 0;
        setFaultHook((at) => {
          if (at === point && (reached += 1) > (point === 'key-rotation.stepping' ? survived : 0))
            throw new Error('killed');
        });
        const fate = await here.rotator.advance(here.ctx).catch((error: unknown) => error);
        setFaultHook(undefined);
        if (fate instanceof Error) crashes += 1;
        for (const [n, one] of ids.entries()) expect(JSON.parse(await read(one))).toEqual({ value: `n${n}` });
        expect(survived).toBeLessThan(50);
      }
      expect(crashes).toBeGreaterThan(0);
      expect(await here.resealing.count(here.ctx)).toBe(0);
    },
  );

  it('never stands in the way of who reads and writes', async () => {
    const ids = await Promise.all(Array.from({ length: 12 }, () => secret()));
    const { id } = await here.rotations.start(here.room.ctx, 'data');
    let writes = 0;
    const write = async (one: string): Promise<void> => {
      while ((await rotation(id))['state'] !== 'settling') {
        writes += 1;
        await here.room.content.write(here.room.ctx, one, { content: json({ value: `w${writes}` }) });
        await read(one);
      }
    };
    await Promise.all([here.rotator.advance(here.ctx), ...ids.map(write)]);
    expect(writes).toBeGreaterThan(0);
    expect(await here.resealing.count(here.ctx)).toBe(0);
    for (const one of ids) expect(JSON.parse(await read(one))).toHaveProperty('value');
  });
});

describe('rotation of the key-encryption key', () => {
  it('wraps the store keys again, all at once, and leaves them as they are', async () => {
    const id = await secret({ value: 'same' });
    const before = active();
    const [old] = await here.room.rows('select id from key_encryption_key');
    const done = await rotation(await here.rotate('kek'));
    expect(done).toMatchObject({ state: 'done', fromKeyId: old!['id'] });
    expect(await here.room.rows('select id from key_encryption_key')).toEqual([{ id: done['toKeyId'] }]);
    const again = await KeyProcess.start(db, undefined, here.room.clock);
    expect(again.keyring.keyIds(again.keyring.rootStoreId, 'data')[0]).toBe(before);
    expect(JSON.parse(await read(id, again))).toEqual({ value: 'same' });
    await again.die();
  });
});

describe('rotation of the root key', () => {
  const next = RootKey.fromText(RootKey.generateText());
  const given = (): RootKey => here.keyring.roots.current;

  it('is refused when there is no other root key', async () => {
    expect(await errorOf(here.rotations.start(here.room.ctx, 'root'))).toMatchObject({ code: 'ROOT_KEY_NOT_GIVEN' });
  });

  it('is refused while a live process could not open the keys afterwards; then only the new key opens them', async () => {
    const old = given();
    // As a process that was started with both.
    Object.defineProperty(here.keyring, 'roots', { value: new RootKeys(next, [old]) });
    expect(await errorOf(here.rotations.start(here.room.ctx, 'root'))).toMatchObject({
      code: 'ROOT_KEY_NOT_EVERYWHERE',
    });
    await here.room.rows('update process_heartbeat set root_key_ids = $1', [[old.id, next.id]]);
    const done = await here.rotations.start(here.room.ctx, 'root');
    expect(done).toMatchObject({ state: 'done', fromKeyId: old.id, toKeyId: next.id });
    await expect(Keyring.open(db.database.pool, old)).rejects.toMatchObject({ code: 'ROOT_KEY_WRONG' });
    const opened = await Keyring.open(db.database.pool, next);
    expect(opened.keyIds(opened.rootStoreId, 'data')).toEqual(here.keyring.keyIds(here.keyring.rootStoreId, 'data'));
  });
});
