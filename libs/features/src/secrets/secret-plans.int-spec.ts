import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { createSecretRoom, json, type OutsideMount, type SecretRoom } from '../../../testing/src/secret-room.js';
import type { NewSecret } from './new-secret.js';

let db: TestDatabase;
let room: SecretRoom;
let kv: OutsideMount;
let copy: OutsideMount;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await createSecretRoom(db);
  kv = await room.outside('kv');
  copy = await room.outside('copy');
});
afterAll(() => db.drop());

const ONE = { value: 'one' };

const draft = (name: string, more: Partial<NewSecret> = {}): NewSecret => ({
  name,
  type: 'key-value',
  content: json(ONE),
  sourceProfile: 'kv',
  syncProfiles: [],
  onConflict: 'fail',
  ...more,
});

describe('a plan of a write', () => {
  const record = { 'claviger/secrets/kv/*': ['read'], 'kv/data/*': ['update'] };

  it('tells what is equal at a vault to who may read there, and to nobody else', async () => {
    const id = await room.secret('planned', { sourceProfile: 'kv', syncProfiles: ['copy'], content: ONE });
    await copy.write('planned', { value: 'other' });
    const plan = (caller: typeof room.ctx, value: string) =>
      room.content
        .planWrite(caller, id, { content: json({ value }) })
        .then(({ plan }) => plan.map(({ action }) => action));
    expect(await plan(room.ctx, 'one')).toEqual(['no-op', 'update']);
    expect(await plan(room.ctx, 'other')).toEqual(['update', 'no-op']);
    const writer = room.caller(record);
    for (const guess of ['one', 'other', 'neither']) expect(await plan(writer, guess)).toEqual(['update', 'update']);
    const reader = room.caller({ ...record, 'kv/data/*': ['update', 'read'] });
    for (const guess of ['other', 'neither']) expect(await plan(reader, guess)).toEqual(['update', 'update']);
    expect(await plan(reader, 'one')).toEqual(['no-op', 'update']);
  });

  it('and the write itself tell a writer who may not read nothing about equality', async () => {
    const id = await room.secret('guessed', { sourceProfile: 'kv', content: ONE });
    const writer = room.caller(record);
    const same = await room.content.write(writer, id, { content: json(ONE) });
    expect(same).toMatchObject({ change: { state: 'done', result: { version: 2 } } });
    expect(await room.content.write(room.ctx, id, { content: json(ONE) })).toEqual({ unchanged: true, version: 2 });
  });
});

describe('a plan of a creation', () => {
  it('tells whether what is there is equal to who may read there, and to nobody else', async () => {
    await kv.write('there', ONE);
    const wish = { onConflict: 'adopt-if-equal' as const };
    const plan = async (caller: typeof room.ctx, value: string) =>
      (await room.secrets.planCreate(caller, draft('there', { ...wish, content: json({ value }) }))).plan[0]!.action;
    expect([await plan(room.ctx, 'one'), await plan(room.ctx, 'two')]).toEqual(['adopt', 'conflict']);
    const adopter = room.caller({
      'claviger/secrets/kv/*': ['create'],
      'kv/data/*': ['create'],
      'claviger/adopt/kv/*': ['update'],
    });
    expect([await plan(adopter, 'one'), await plan(adopter, 'two')]).toEqual(['adopt', 'adopt']);
  });

  it('leaves nothing behind, and refuses what the creation would refuse', async () => {
    const before = await room.rows('select count(*)::int as n from secret');
    expect(await room.secrets.planCreate(room.ctx, draft('new', { syncProfiles: ['copy'] }))).toMatchObject({
      plan: [
        { profile: 'kv', role: 'source', action: 'create' },
        { profile: 'copy', role: 'target', action: 'create' },
      ],
      waitsFor: [],
    });
    expect(await room.rows('select count(*)::int as n from secret')).toEqual(before);
    await room.secret('taken', { sourceProfile: 'kv' });
    await expect(room.secrets.planCreate(room.ctx, draft('taken'))).rejects.toMatchObject({ code: 'SECRET_EXISTS' });
  });
});

describe('the name of a new secret', () => {
  beforeAll(async () => {
    const profile = { name: 'shaped', instance: 'outside', mount: 'kv', nameTemplate: 'x-{name}-x' };
    await room.profiles.create(room.ctx, profile as never, { check: false });
  });

  it.each(['../up', 'a//b', '/a', 'a/', 'a%2fb', 'a\u0000b'])(
    'is refused as %j, whatever the profile makes of it',
    async (name) => {
      await expect(room.secrets.create(room.ctx, draft(name, { sourceProfile: 'shaped' }))).rejects.toMatchObject({
        code: 'NAME_INVALID',
      });
    },
  );
});

describe('a secret that a caller may not know of', () => {
  it('is answered as if there were none, whether there is or not, and the audit log learns which', async () => {
    const id = await room.secret('private', { sourceProfile: 'kv' });
    const stranger = room.caller({ 'claviger/secrets/other/*': ['read'] });
    const answers = await Promise.all(
      [
        room.secrets.find(stranger, id),
        room.secrets.find(stranger, '0199aa00-0000-7000-8000-000000000001'),
        room.secrets.findByName(stranger, 'kv', 'private'),
        room.secrets.findByName(stranger, 'kv', 'nothing'),
        room.content.read(stranger, id),
        room.content.write(stranger, id, { content: json(ONE) }),
        room.content.listVersions(stranger, id, { limit: 1 }),
        room.secrets.remove(stranger, id, { retain: true }),
      ].map((work) =>
        (work as Promise<unknown>).then(
          () => 'answered',
          (error: unknown) => error,
        ),
      ),
    );
    const [first, missing] = answers as { code: string; message: string; kind: string; cause?: unknown }[];
    for (const answer of answers as (typeof first)[])
      expect([answer!.code, answer!.message, answer!.kind]).toEqual([first!.code, first!.message, first!.kind]);
    expect(first).toMatchObject({ code: 'SECRET_NOT_FOUND', cause: { code: 'ACCESS_DENIED' } });
    expect(missing!.cause).toBeUndefined();
  });
});
