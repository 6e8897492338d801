import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { newId, SecretValue } from '@claviger/kernel';
import { sealedKeyId } from '@claviger/platform/crypto';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { KeyProcess } from '../../../testing/src/key-room.js';
import { ChangeRepository } from '../changes/change.repository.js';
import { IdempotencyRepository } from '../idempotency/idempotency.repository.js';
import { IdempotencyService, type KeyAttempt } from '../idempotency/idempotency.service.js';
import { SigningSecrets } from '../notifications/signing-secrets.js';
import { PlanService, type PlanRequest } from '../plans/index.js';
import { PlanRepository } from '../plans/plan.repository.js';
import { SubscriptionEntity } from '../notifications/subscription.entity.js';
import { VaultInstanceRepository } from '../vault-profiles/vault-instance.repository.js';
import { SEALED_COLUMNS } from './key-inventory.js';

let db: TestDatabase;
let here: KeyProcess;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  here = await KeyProcess.start(db);
});
afterAll(() => db.drop());

/** Puts something sealed where its owner puts it; what its owner reads back tells whether it is as it was. */
const owners: Readonly<Record<string, () => Promise<() => Promise<unknown>>>> = {
  'builtin_version.content': async () => {
    const { room } = here;
    await room.builtin('prod');
    // More than a batch, so that the cursor over its three columns is used.
    const ids: string[] = [];
    for (let i = 0; i < 130; i += 1) ids.push(await room.secret(`app/${i}`, { content: { value: i } }));
    return async () => {
      const read = await Promise.all(ids.map((id) => room.content.read(room.ctx, id)));
      return read.map(({ content }) => JSON.parse(content.reveal()) as unknown);
    };
  },
  'vault_instance.credentials': async () => {
    const instances = here.room.get(VaultInstanceRepository);
    const [row] = await here.room.rows('select id from vault_instance where credentials is not null limit 1');
    const { credentials } = (await instances.findWithCredentials(here.ctx, row!['id'] as string))!;
    expect(credentials.reveal()).toEqual({});
    return async () => (await instances.findWithCredentials(here.ctx, row!['id'] as string))!.credentials.reveal();
  },
  'change.payload': async () => {
    const changes = here.room.get(ChangeRepository);
    const row = { storeId: here.ctx.storeId, id: newId(), kind: 'a.b', state: 'pending_approval' } as const;
    const requestedBy = { id: 'x', name: 'x' };
    await changes.insert(here.ctx, { ...row, requestedBy }, new SecretValue('a payload'));
    return async () => (await changes.findPayload(here.ctx, row.id))!.reveal();
  },
  'notification_subscription.secret': () => subscription((row) => ({ ...row, previousSecret: null })),
  'notification_subscription.previous_secret': () => subscription((row) => row),
  'idempotency_record.answer': async () => {
    const { room } = here;
    const audit = { entry: () => ({}), commit: async () => undefined };
    const parts = [new IdempotencyRepository(db.database), { authorize: () => undefined }, audit] as const;
    const service = new IdempotencyService(...(parts as unknown as [never, never, never]), here.keyring, room.clock);
    const route = { method: 'POST', route: '/x', address: '/x', body: Buffer.from('{}'), answersSecret: false };
    const claim = (): ReturnType<typeof service.claim> => service.claim(room.ctx, { key: 'a-key', ...route });
    const { attempt } = (await claim()) as { attempt: KeyAttempt };
    await service.finish(room.ctx, attempt, { status: 201, headers: {}, body: 'an answer' });
    return async () => ((await claim()) as { answer: { body: string } }).answer.body;
  },
  'plan_item.payload': async () => {
    const { room } = here;
    await room.builtin('planned');
    const content = new SecretValue('{"value":"planned"}');
    const create = {
      name: 'planned',
      type: 'key-value',
      sourceProfile: 'planned',
      syncProfiles: [],
      labels: {},
      onConflict: 'fail',
    } as const;
    const items = [{ kind: 'secret.create', ...create, content }] as unknown as PlanRequest[];
    const plan = await room.get(PlanService).create(room.ctx, { items });
    const plans = room.get(PlanRepository);
    const [item] = await plans.listItems(room.ctx, plan.id, { limit: 1 });
    return async () => {
      const request = await plans.openRequest(room.ctx, item!);
      return 'content' in request && request.content?.reveal();
    };
  },
};

/** A webhook whose secret was rotated a moment ago, as far as its secrets go. */
async function subscription(part: (row: SubscriptionEntity) => SubscriptionEntity): Promise<() => Promise<unknown>> {
  const secrets = new SigningSecrets(here.keyring, here.room.clock);
  const { storeId } = here.ctx;
  const id = newId();
  const first = { storeId, id, ...secrets.first(storeId, id, new SecretValue('whsec_one')) } as SubscriptionEntity;
  const rotated = secrets.rotated(first, new SecretValue('whsec_two'));
  const rows = db.database.repository(here.ctx, SubscriptionEntity);
  const row = { storeId, id, kind: 'webhook', name: id, description: '', eventTypes: ['*'], ...rotated } as const;
  await rows.insert(row as never);
  return async () => secrets.open(part((await rows.findOneByOrFail({ id })) as never)).map((one) => one.reveal());
}

describe('sealing again', () => {
  it.each(SEALED_COLUMNS.map(({ table, column }) => [`${table}.${column}`, table, column]))(
    'leaves %s as its owner left it, under the new key alone',
    async (place, table, column) => {
      const read = await owners[place!]!();
      const before = await read();
      expect(JSON.stringify(before)).not.toMatch(/^(undefined|null|\[\])$/);
      const id = await here.rotate('data');
      expect(await here.rotations.get(here.room.ctx, id)).toMatchObject({ state: 'settling', failed: '0' });
      const sealed = await here.room.rows(`select ${column} as sealed from ${table} where ${column} is not null`);
      expect(sealed.length).toBeGreaterThan(0);
      expect(new Set(sealed.map((row) => sealedKeyId(row['sealed'] as Buffer)))).toEqual(
        new Set([here.resealing.activeKeyId(here.ctx)]),
      );
      expect(await read()).toEqual(before);
    },
  );

  it('passes over what somebody has locked, and meets it in another pass', async () => {
    const { room } = here;
    const id = await room.secret('locked', { content: { value: 'locked' } });
    await here.rotations.start(room.ctx, 'data');
    const client = await db.database.pool.connect();
    await client.query('begin');
    await client.query(
      `select from builtin_version where name = (select physical_name from secret where id = $1) for update`,
      [id],
    );
    await here.rotator.advance(here.ctx);
    // One is left, which is told; the day after is time enough for whoever holds it.
    expect(await here.resealing.count(here.ctx)).toBe(1);
    await client.query('rollback');
    client.release();
    room.clock.skip(25 * 3_600_000);
    await here.rotator.advance(here.ctx);
    expect(await here.resealing.count(here.ctx)).toBe(0);
    expect(JSON.parse((await room.content.read(room.ctx, id)).content.reveal())).toEqual({ value: 'locked' });
  });
});
