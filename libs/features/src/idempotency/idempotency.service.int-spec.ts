import type { RequestContext } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import { createDataSource, Database } from '@claviger/platform/database';
import { FakeClock } from '@claviger/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { AccessRoom, type AccessProcess } from '../../../testing/src/access-room.js';
import { IdempotencyRecordEntity } from './idempotency-record.entity.js';
import { IdempotencyRepository } from './idempotency.repository.js';
import { IdempotencyService, KEPT_MS, LEASE_MS, type Claim, type KeyAttempt } from './idempotency.service.js';

const room = AccessRoom.forFile();
const clock = new FakeClock(new Date('2026-03-01T10:00:00Z'));
const opened: Database[] = [];
afterEach(async () => {
  await room.test.dataSource.query('delete from idempotency_record');
  for (const { dataSource } of opened.splice(0)) await dataSource.destroy();
});

type Process = AccessProcess & { readonly service: IdempotencyService; readonly records: Database };

/** The service as one process has it, with connections of its own. */
async function start(): Promise<Process> {
  const process = await room.start();
  const dataSource = createDataSource({
    url: room.test.url,
    poolSize: 8,
    entities: [IdempotencyRecordEntity],
    applicationName: 'claviger-test',
  });
  await dataSource.initialize();
  const records = new Database(dataSource);
  opened.push(records);
  const audit = { entry: () => ({}), commit: async () => undefined } as unknown as AuditService;
  const repository = new IdempotencyRepository(records);
  return {
    ...process,
    records,
    service: new IdempotencyService(repository, process.access, audit, room.keyring, clock),
  };
}

const request = {
  key: 'a-key',
  method: 'POST',
  route: '/api/v1/users',
  address: '/api/v1/users',
  body: Buffer.from('{"name":"ada"}'),
  answersSecret: false,
};
const answer = { status: 201, headers: { etag: '"1"' }, body: '{"name":"ada"}' };
const rows = (): Promise<Record<string, unknown>[]> => room.test.dataSource.query('select * from idempotency_record');

function begun(claim: Claim): KeyAttempt & { readonly isTakenOver: boolean } {
  if (!('attempt' in claim)) throw new Error('It was finished.');
  return { ...claim.attempt, isTakenOver: claim.isTakenOver };
}

/** How many get the key, and what the others are told. */
async function race(
  processes: readonly Process[],
  ctx: RequestContext,
): Promise<{ won: KeyAttempt[]; told: string[] }> {
  const asked = Array.from({ length: 12 }, (_, i) => processes[i % processes.length]!.service.claim(ctx, request));
  const ends = await Promise.allSettled(asked);
  const won = ends.flatMap((end) => (end.status === 'fulfilled' ? [begun(end.value)] : []));
  const told = ends.flatMap((end) => (end.status === 'rejected' ? [(end.reason as { code: string }).code] : []));
  return { won, told: [...new Set(told)] };
}

describe('IdempotencyService', () => {
  it('gives a key to one of many at a time in two processes', async () => {
    const [one, two] = [await start(), await start()];
    const { won, told } = await race([one, two], await one.as(room.root));
    expect(won).toHaveLength(1);
    expect(told).toEqual(['IDEMPOTENCY_IN_PROGRESS']);
  });

  it('repeats the answer to the same request, and to no other', async () => {
    const [one, two] = [await start(), await start()];
    const ctx = await one.as(room.root);
    await one.service.finish(ctx, begun(await one.service.claim(ctx, request)), answer);
    expect(await two.service.claim(ctx, request)).toEqual({ answer });
    for (const difference of [{ method: 'PUT' }, { address: '/api/v1/users?dryRun=true' }, { body: Buffer.from('{}') }])
      await expect(two.service.claim(ctx, { ...request, ...difference })).rejects.toMatchObject({
        code: 'IDEMPOTENCY_KEY_REUSED',
      });
    const stranger = { ...ctx, actor: { ...ctx.actor, rootId: 'user:somebody-else' } };
    expect(begun(await two.service.claim(stranger, request)).isTakenOver).toBe(false);
  });

  it('lets one of many take over when the lease has run out, and not before; the old owner cannot finish then', async () => {
    const [one, two] = [await start(), await start()];
    const ctx = await one.as(room.root);
    const first = begun(await one.service.claim(ctx, request));
    await clock.advance(LEASE_MS - 1);
    expect(await race([one, two], ctx)).toEqual({ won: [], told: ['IDEMPOTENCY_IN_PROGRESS'] });
    await clock.advance(1);
    const { won, told } = await race([one, two], ctx);
    expect(told).toEqual(['IDEMPOTENCY_IN_PROGRESS']);
    expect(won).toMatchObject([{ id: first.id, isTakenOver: true }]);
    await expect(one.service.finish(ctx, first, answer)).rejects.toMatchObject({ code: 'IDEMPOTENCY_IN_PROGRESS' });
    await one.service.forget(ctx, first);
    await one.service.leave(ctx, first);
    await two.service.finish(ctx, won[0]!, answer);
    expect(await one.service.claim(ctx, request)).toEqual({ answer });
  });

  it('hands over at once what was left, and begins anew what was forgotten', async () => {
    const { service, ...one } = await start();
    const ctx = await one.as(room.root);
    const first = begun(await service.claim(ctx, request));
    await service.leave(ctx, first);
    const second = begun(await service.claim(ctx, request));
    expect(second).toMatchObject({ id: first.id, isTakenOver: true });
    await service.forget(ctx, second);
    const third = begun(await service.claim(ctx, { ...request, body: Buffer.from('{}') }));
    expect(third.isTakenOver).toBe(false);
    expect(third.id).not.toBe(first.id);
  });

  it('frees what a dead predecessor was executing', async () => {
    const { service, ...one } = await start();
    const ctx = await one.as(room.root);
    await service.claim(ctx, request);
    await service.expireLeases(ctx);
    expect(begun(await service.claim(ctx, request)).isTakenOver).toBe(true);
  });

  it('keeps no answer of a transaction that was rolled back', async () => {
    const { service, records, ...one } = await start();
    const ctx = await one.as(room.root);
    const attempt = begun(await service.claim(ctx, request));
    const rolledBack = records.transaction(ctx, async (tx) => {
      await service.finish(tx, attempt, answer);
      throw new Error('crash');
    });
    await expect(rolledBack).rejects.toThrow('crash');
    expect(await rows()).toMatchObject([{ state: 'running', answer: null }]);
  });

  it('repeats nothing to one who may not do any more what was done', async () => {
    const { service, ...one } = await start();
    const ctx = await one.as(room.root);
    const attempt = begun(await service.claim(ctx, request));
    one.access.authorize({ ...ctx, attempt }, 'claviger/users/ada', 'create');
    await service.finish(ctx, attempt, answer);
    const { token } = await one.tokens.create(ctx, { policies: ['developer'] });
    await expect(service.claim(await one.as(token), request)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
    expect(await service.claim(ctx, request)).toEqual({ answer });
  });

  it('repeats a secret to the same token only', async () => {
    const { service, ...one } = await start();
    const ctx = await one.as(room.root);
    const secret = { ...request, answersSecret: true };
    await service.finish(ctx, begun(await service.claim(ctx, secret)), answer);
    const { token } = await one.tokens.create(ctx, { policies: ['root'] });
    await expect(service.claim(await one.as(token), secret)).rejects.toMatchObject({
      code: 'IDEMPOTENCY_ANSWER_WITHHELD',
    });
    expect(await service.claim(ctx, secret)).toEqual({ answer });
  });

  it('forgets after a day, in batches, and nothing earlier', async () => {
    const { service, ...one } = await start();
    const ctx = await one.as(room.root);
    const old = begun(await service.claim(ctx, request));
    await service.finish(ctx, old, answer);
    await clock.advance(KEPT_MS - 1);
    await service.claim(ctx, { ...request, key: 'young' });
    expect(await service.removeExpired(ctx)).toBe(0);
    await clock.advance(1);
    const { id, isTakenOver } = begun(await service.claim(ctx, request));
    expect({ isNew: id !== old.id, isTakenOver }).toEqual({ isNew: true, isTakenOver: false });
    await room.test.dataSource.query(
      `insert into idempotency_record (store_id, key_hash, id, identity, token_id, method, route, request_hash, state,
         created_at, expires_at)
       select $1, sha256(i::text::bytea), gen_random_uuid(), 'i', 't', 'POST', 'r', '', 'finished', $2, $2
       from generate_series(1, 2500) i`,
      [ctx.storeId, clock.now()],
    );
    expect(await service.removeExpired(ctx)).toBe(2_500);
    expect(await rows()).toHaveLength(2);
  });

  it('stores neither key nor request nor answer in clear', async () => {
    const { service, ...one } = await start();
    const ctx = await one.as(room.root);
    const canary = 'canary-7d31';
    const body = Buffer.from(`{"password":"${canary}"}`);
    const attempt = begun(await service.claim(ctx, { ...request, key: canary, body }));
    await service.finish(ctx, attempt, { ...answer, body: `{"token":"${canary}"}` });
    const [{ text }] = (await room.test.dataSource.query(`select t::text as text from idempotency_record t`)) as [
      { text: string },
    ];
    expect(text).not.toContain(canary);
    expect(text).not.toContain(Buffer.from(canary).toString('hex'));
  });
});
