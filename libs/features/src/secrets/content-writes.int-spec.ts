import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { createSecretRoom, json, type SecretRoom } from '../../../testing/src/secret-room.js';

let db: TestDatabase;
let room: SecretRoom;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await createSecretRoom(db);
  await room.builtin('prod');
  await room.outside('kv');
});
afterAll(() => db.drop());

describe('room', () => {
  it('works', async () => {
    const id = await room.secret('a');
    expect(await room.content.write(room.ctx, id, { content: json({ value: 'two' }) })).toMatchObject({
      change: { state: 'done' },
    });
    const other = await room.secret('b', { sourceProfile: 'kv' });
    expect(await room.content.write(room.ctx, other, { content: json({ value: 'two' }) })).toMatchObject({
      change: { state: 'done' },
    });
    expect((await room.content.read(room.ctx, other)).number).toBe(2);
  });
});
