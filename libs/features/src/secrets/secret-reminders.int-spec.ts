import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { createSecretRoom, json, type SecretRoom } from '../../../testing/src/secret-room.js';
import { SecretReminders } from './secret-reminders.js';

const DAY_MS = 86_400_000;

let db: TestDatabase;
let room: SecretRoom;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await createSecretRoom(db);
  await room.builtin('prod');
});
afterAll(() => db.drop());

const remind = (): Promise<number> => room.get(SecretReminders).run(room.ctx);
const told = (id: string) =>
  room.rows(`select type from event where subject_id = $1 and type ~ 'expir|rotation-due' order by id`, [id]);
const daysAhead = (days: number): Date => new Date(room.clock.now().getTime() + days * DAY_MS);

it('tells of a secret that expires once, a week before, and again when it lives longer', async () => {
  const id = await room.secret('ends', { sourceProfile: 'prod', expiresAt: daysAhead(8).toISOString() });
  await remind();
  expect(await told(id)).toEqual([]);
  room.clock.skip(DAY_MS + 1_000);
  await Promise.all([remind(), remind()]);
  await remind();
  expect(await told(id)).toEqual([{ type: 'secret.expiring' }]);
  await room.rows('update secret set expires_at = $2 where id = $1', [id, daysAhead(10)]);
  await remind();
  expect(await told(id)).toHaveLength(1);
  room.clock.skip(4 * DAY_MS);
  await remind();
  expect(await told(id)).toHaveLength(2);
});

it('tells once that a secret has expired', async () => {
  const id = await room.secret('ended', { sourceProfile: 'prod', expiresAt: daysAhead(8).toISOString() });
  room.clock.skip(9 * DAY_MS);
  await remind();
  await remind();
  const types = new Set((await told(id)).map(({ type }) => type));
  expect(types).toEqual(new Set(['secret.expired', 'secret.expiring']));
  expect(await told(id)).toHaveLength(2);
});

it('tells once that a secret is due to be rotated, and again a rotation later', async () => {
  const rotationIntervalSeconds = 86_400;
  const id = await room.secret('turns', { sourceProfile: 'prod', rotationIntervalSeconds });
  await remind();
  expect(await told(id)).toEqual([]);
  await room.rows(`update secret set rotation_due_at = $2 where id = $1`, [id, daysAhead(-1)]);
  await remind();
  await remind();
  expect(await told(id)).toEqual([{ type: 'secret.rotation-due' }]);
  await room.content.write(room.ctx, id, { content: json({ value: 'next' }) });
  await room.rows(`update secret set rotation_due_at = $2 where id = $1`, [id, daysAhead(-0.5)]);
  await remind();
  expect(await told(id)).toHaveLength(2);
});

it('says nothing of a secret that is gone', async () => {
  const id = await room.secret('gone', { sourceProfile: 'prod', expiresAt: daysAhead(1).toISOString() });
  await room.rows(`update secret set state = 'deleted' where id = $1`, [id]);
  await remind();
  expect(await told(id)).toEqual([]);
});
