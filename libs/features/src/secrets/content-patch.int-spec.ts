import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { isAppError, SecretValue } from '@claviger/kernel';
import { ENTITIES } from '@claviger/composition';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { createSecretRoom, json, versionOf, type SecretRoom } from '../../../testing/src/secret-room.js';

let db: TestDatabase;
let room: SecretRoom;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await createSecretRoom(db);
  await room.builtin('prod');
  await room.outside('kv');
});
afterAll(() => db.drop());

const codeOf = (error: unknown): string => {
  if (isAppError(error)) return error.code;
  throw error;
};
const contentOf = async (id: string): Promise<string> => (await room.content.read(room.ctx, id)).content.reveal();

describe.each(['prod', 'kv'])('patching content at %s', (sourceProfile) => {
  const secret = (name: string, content: object): Promise<string> =>
    room.secret(`${sourceProfile}-${name}`, { sourceProfile, content });

  it('changes the fields that it names, and makes a version', async () => {
    const id = await secret('fields', { user: 'ada', password: 'old', nested: { a: 1, b: 2 } });
    const patch = json({ password: 'new', user: null, nested: { b: null, c: 3 } });
    const result = await room.content.patch(room.ctx, id, { content: patch, reason: 'because' });
    expect('change' in result && versionOf(result.change)).toBe(2);
    expect(JSON.parse(await contentOf(id))).toEqual({ password: 'new', nested: { a: 1, c: 3 } });
  });

  it('loses none of several at a time, and none that is bound to an old version goes through', async () => {
    const id = await secret('race', { start: true });
    await Promise.all(['a', 'b', 'c'].map((key) => room.content.patch(room.ctx, id, { content: json({ [key]: 1 }) })));
    expect(JSON.parse(await contentOf(id))).toEqual({ start: true, a: 1, b: 1, c: 1 });
    const late = room.content.patch(room.ctx, id, { content: json({ d: 1 }), baseVersion: 1 });
    expect(await late.then(() => 'done', codeOf)).toBe('STALE_MATCH');
  });

  it('says what it would do, and that nothing changes', async () => {
    const id = await secret('plan', { a: 1 });
    expect(await room.content.planPatch(room.ctx, id, { content: json({ a: 2 }) })).toMatchObject({
      plan: [{ action: 'update' }],
      waitsFor: [],
    });
    expect(await room.content.patch(room.ctx, id, { content: json({ a: 1 }) })).toEqual({
      unchanged: true,
      version: 1,
    });
    expect(await contentOf(id)).toBe('{"a":1}');
  });

  it('is refused when the outcome is not of its type, and changes nothing', async () => {
    const id = await secret('type', { a: 1 });
    const empty = room.content.patch(room.ctx, id, { content: json({ a: null }) });
    expect(await empty.then(() => 'done', codeOf)).toBe('CONTENT_NOT_OF_TYPE');
    const text = room.content.patch(room.ctx, id, { content: new SecretValue('"text"') });
    expect(await text.then(() => 'done', codeOf)).toBe('CONTENT_INVALID_JSON');
    expect(await contentOf(id)).toBe('{"a":1}');
  });

  it('needs the capability patch and no other, and tells who may not read nothing about the content', async () => {
    const id = await secret('rights', { a: 1 });
    const record = { [`claviger/secrets/${sourceProfile}/*`]: ['read'] };
    const patcher = room.caller({ ...record, [`${sourceProfile}/data/*`]: ['patch'] });
    const writer = room.caller({ ...record, [`${sourceProfile}/data/*`]: ['update'] });
    const patch = { content: json({ a: 1 }) };
    expect(await room.content.patch(writer, id, patch).then(() => 'done', codeOf)).toBe('ACCESS_DENIED');
    // Equal, which only readers are told.
    expect(await room.content.patch(patcher, id, patch)).toMatchObject({ change: { state: 'done' } });
    expect(await room.content.read(patcher, id).then(() => 'done', codeOf)).toBe('ACCESS_DENIED');
  });
});

describe('the difference of two versions', () => {
  it('names fields, to who may read them, and is audited', async () => {
    const id = await room.secret('compared', { content: { user: 'ada', password: 'one' } });
    await room.content.write(room.ctx, id, { content: json({ user: 'ada', password: 'two', port: 1 }) });
    expect(await room.content.diff(room.ctx, id, { from: 1, to: 2 })).toEqual({
      added: ['/port'],
      removed: [],
      changed: ['/password'],
    });
    const stranger = room.caller({ 'claviger/secrets/prod/*': ['read'], 'prod/data/*': ['update'] });
    expect(await room.content.diff(stranger, id, { from: 1, to: 2 }).then(() => 'done', codeOf)).toBe('ACCESS_DENIED');
    expect(await room.content.diff(room.ctx, id, { from: 1, to: 9 }).then(() => 'done', codeOf)).toBe(
      'VERSION_NOT_FOUND',
    );
    const sql = `select details from audit_entry where action = 'secret.content.diff' and resource_id = $1::text`;
    expect(await room.rows(sql, [id])).toEqual([{ details: { from: 1, to: 2 } }]);
  });
});
