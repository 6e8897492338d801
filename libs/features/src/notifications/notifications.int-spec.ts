import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId, setFaultHook } from '@claviger/kernel';
import { Webhook } from 'standardwebhooks';
import { NotificationRoom } from '../../../testing/src/notification-room.js';
import type { WebhookAnswer, WebhookPost } from './ports.js';
import { RETRY_AFTER_MS } from './retry-schedule.policy.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let room: NotificationRoom;
beforeAll(async () => {
  room = await NotificationRoom.create();
});
beforeEach(async () => {
  room.posted.length = 0;
  room.mailed.length = 0;
  room.answer = () => ({ statusCode: 204 });
  room.mailAnswer = { statusCode: 250 };
  room.hasMailServer = true;
  await room.rows('delete from notification_subscription');
  await room.rows('delete from event');
});
afterAll(() => room.test.drop());

const ids = (): string[] => room.posted.map(({ headers }) => headers['webhook-id']!);

/** A webhook that hears of everything; its first secret. */
async function hook(name = 'hook', eventTypes = ['*']): Promise<string> {
  const url = `https://${name}.example/`;
  return (await room.webhooks.create(room.ctx, { name, url, eventTypes })).secret.reveal();
}

const list = (name = 'hook') => room.deliveries.list(room.ctx, 'webhook', name, { limit: 100 });

/** Every attempt of a delivery, each when it is due. */
async function workFor(ms: number, stepMs = HOUR_MS): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    await room.clock.advance(stepMs);
    await room.work();
  }
}

/** Verified by the reference library, which knows the true time only. */
function verifies({ headers, body }: WebhookPost, secret: string): boolean {
  const [id, at] = [headers['webhook-id']!, Number(headers['webhook-timestamp']) * 1_000];
  const signature = new Webhook(secret).sign(id, new Date(at), body);
  return headers['webhook-signature']!.split(' ').includes(signature);
}

describe('fan-out', () => {
  it('makes one delivery for each webhook that wants the event, and takes it out of the outbox', async () => {
    await hook('all');
    await hook('approvals', ['approval.*']);
    await room.happen('secret.created');
    await room.happen('approval.voted');
    await room.work();
    expect((await list('all')).map(({ type }) => type).sort()).toEqual(['approval.voted', 'secret.created']);
    expect((await list('approvals')).map(({ type }) => type)).toEqual(['approval.voted']);
    expect(await room.rows('select 1 from event')).toEqual([]);
  });

  it('does not lose an event that commits after later ones were taken', async () => {
    await hook();
    const client = await room.test.database.pool.connect();
    try {
      await client.query('begin');
      const late = newId();
      const add = `insert into event (store_id, id, type, subject_id) values ($1, $2, 'secret.deleted', $2)`;
      await client.query(add, [room.ctx.storeId, late]);
      const early = await room.happen();
      await room.work();
      expect((await list()).map(({ subjectId }) => subjectId)).toEqual([early]);
      await client.query('commit');
      await room.work();
      expect((await list()).map(({ subjectId }) => subjectId)).toEqual(expect.arrayContaining([early, late]));
    } finally {
      client.release();
    }
  });

  it('makes each delivery once, however many workers look at once', async () => {
    await hook();
    for (let count = 0; count < 40; count += 1) await room.happen();
    const workers = [room.worker(), room.worker(), room.worker()];
    await Promise.all(workers.map((worker) => room.work(worker)));
    await room.work();
    expect(new Set(ids()).size).toBe(40);
    expect(ids()).toHaveLength(40);
  });

  it('takes events that nobody wants, so that the outbox does not grow', async () => {
    await hook('off');
    await room.webhooks.update(room.ctx, 'off', { isEnabled: false });
    await room.happen();
    await room.work();
    expect(await room.rows('select 1 from event')).toEqual([]);
    expect(await list('off')).toEqual([]);
  });

  it('forgets deliveries after 30 days, and not before', async () => {
    await hook();
    await room.happen();
    await room.work();
    await room.clock.advance(29 * DAY_MS);
    await room.worker().fanOut.removeOld(room.ctx);
    expect(await list()).toHaveLength(1);
    await room.clock.advance(DAY_MS + 1);
    await room.worker().fanOut.removeOld(room.ctx);
    expect(await list()).toEqual([]);
  });
});

describe('a message', () => {
  it('carries type, time, ids and facts, signed as Standard Webhooks say', async () => {
    const secret = await hook();
    const subjectId = await room.happen('approval.decided', { state: 'approved' });
    await room.work();
    const [post] = room.posted;
    const { type, timestamp, data } = JSON.parse(post!.body) as { type: string; timestamp: string; data: object };
    expect({ type, data }).toEqual({
      type: 'approval.decided',
      data: { id: (await list())[0]!.eventId, subjectId, facts: { state: 'approved' } },
    });
    expect(post!.headers['webhook-id']).toBe((await list())[0]!.id);
    expect(new Date(timestamp).toISOString()).toBe(timestamp);
    expect(verifies(post!, secret)).toBe(true);
    expect(verifies(post!, 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')).toBe(false);
  });

  it('is signed with the old secret too for 24 hours after a rotation', async () => {
    const old = await hook();
    const next = (await room.webhooks.rotateSecret(room.ctx, 'hook')).secret.reveal();
    await room.happen();
    await room.work();
    expect([old, next].map((secret) => verifies(room.posted[0]!, secret))).toEqual([true, true]);
    await room.clock.advance(DAY_MS);
    await room.happen();
    await room.work();
    expect([old, next].map((secret) => verifies(room.posted[1]!, secret))).toEqual([false, true]);
  });

  it('is signed with secrets that lie sealed', async () => {
    const secret = await hook();
    await room.webhooks.rotateSecret(room.ctx, 'hook');
    const [row] = await room.rows('select s::text as row, secret, previous_secret from notification_subscription s');
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const cells = [
      row!['row'] as string,
      ...[row!['secret'], row!['previous_secret']].map((cell) => `${cell as Buffer}`),
    ];
    for (const cell of cells) expect(cell).not.toContain(secret.slice('whsec_'.length));
    expect((row!['row'] as string).includes(key.toString('hex'))).toBe(false);
  });
});

describe('a receiver that fails', () => {
  it('gets the message again on the schedule under the same id, until it is given up', async () => {
    await hook();
    await room.happen();
    room.answer = () => ({ statusCode: 500 });
    await room.work();
    expect(await list()).toMatchObject([{ state: 'pending', attempts: 1, statusCode: 500, error: 'REFUSED' }]);
    await room.work();
    expect(room.posted).toHaveLength(1);
    await workFor(5 * DAY_MS - HOUR_MS);
    expect(await list()).toMatchObject([{ state: 'failed', attempts: RETRY_AFTER_MS.length + 1, nextAttemptAt: null }]);
    expect(new Set(ids()).size).toBe(1);
    expect(room.posted).toHaveLength(RETRY_AFTER_MS.length + 1);
  });

  it('is sent nothing before the time that it asked for', async () => {
    await hook();
    await room.happen();
    room.answer = () => ({ statusCode: 429, retryAfterMs: 2 * HOUR_MS });
    await room.work();
    await room.clock.advance(2 * HOUR_MS - 1);
    await room.work();
    expect(room.posted).toHaveLength(1);
    await room.clock.advance(1);
    await room.work();
    expect(room.posted).toHaveLength(2);
  });

  it('is disabled when it answers 410, which is audited and told', async () => {
    await hook('gone');
    await hook('other', ['webhook.disabled']);
    await room.happen();
    room.answer = ({ url }) => ({ statusCode: url.includes('gone') ? 410 : 200 });
    await room.work();
    expect(await room.webhooks.get(room.ctx, 'gone')).toMatchObject({ isEnabled: false, disabledReason: 'gone' });
    expect(await list('gone')).toMatchObject([{ state: 'failed', statusCode: 410, error: 'GONE' }]);
    const audited = await room.rows(`select 1 from audit_entry where action = 'webhook.disable'`);
    expect(audited).toHaveLength(1);
    await room.work();
    expect(await list('other')).toMatchObject([{ type: 'webhook.disabled', state: 'delivered' }]);
  });

  it('is disabled after five days of failures only', async () => {
    await hook();
    room.answer = () => ({ error: 'UNAVAILABLE' });
    await room.happen();
    await room.work();
    await workFor(5 * DAY_MS - HOUR_MS);
    await room.happen();
    await room.work();
    expect(await room.webhooks.get(room.ctx, 'hook')).toMatchObject({ isEnabled: true });
    await workFor(HOUR_MS);
    expect(await room.webhooks.get(room.ctx, 'hook')).toMatchObject({ isEnabled: false, disabledReason: 'failing' });
  });

  it('is not given up when it took a message in between', async () => {
    await hook();
    let isUp = false;
    room.answer = () => (isUp ? { statusCode: 200 } : { error: 'TIMEOUT' });
    for (const up of [false, true, false]) {
      isUp = up;
      await room.happen();
      await room.work();
      await room.clock.advance(3 * DAY_MS);
    }
    await room.work();
    expect(await room.webhooks.get(room.ctx, 'hook')).toMatchObject({ isEnabled: true });
  });

  it('keeps what waits while it is disabled, and gets it when it is enabled again', async () => {
    await hook();
    room.answer = () => ({ statusCode: 503 });
    await room.happen();
    await room.work();
    await room.webhooks.update(room.ctx, 'hook', { isEnabled: false });
    room.answer = () => ({ statusCode: 200 });
    await workFor(HOUR_MS);
    expect(room.posted).toHaveLength(1);
    await room.webhooks.update(room.ctx, 'hook', { isEnabled: true });
    await room.work();
    expect(await list()).toMatchObject([{ state: 'delivered', attempts: 2, error: null }]);
  });

  it('holds up nobody else while it is slow, and is asked four things at a time', async () => {
    await hook('slow');
    await hook('quick');
    let release = (): void => undefined;
    const held = new Promise<WebhookAnswer>((resolve) => {
      release = () => resolve({ statusCode: 200 });
    });
    room.answer = ({ url }) => (url.includes('slow') ? held : { statusCode: 200 });
    for (let count = 0; count < 10; count += 1) await room.happen();
    const worker = room.worker();
    await worker.fanOut.run(room.ctx);
    for (const states = new Set(['pending']); states.has('pending');) {
      await worker.deliverer.start(room.ctx);
      states.clear();
      for (const { state } of await list('quick')) states.add(state);
    }
    expect(room.posted.filter(({ url }) => url.includes('slow'))).toHaveLength(4);
    release();
    await worker.deliverer.settle();
    expect((await list('slow')).map(({ state }) => state)).toEqual(Array(10).fill('delivered'));
  });
});

describe('a crash', () => {
  it('between sending and noting it repeats the message under the same id, once the lease is over', async () => {
    await hook();
    await room.happen();
    setFaultHook(() => {
      throw new Error('killed');
    });
    await room.work();
    setFaultHook(undefined);
    expect(await list()).toMatchObject([{ state: 'pending', attempts: 0 }]);
    await room.work();
    expect(room.posted).toHaveLength(1);
    await room.clock.advance(60_000);
    await room.work();
    expect(await list()).toMatchObject([{ state: 'delivered' }]);
    expect(room.posted).toHaveLength(2);
    expect(new Set(ids()).size).toBe(1);
  });

  it('of one who is only slow changes nothing: whoever took over decides', async () => {
    await hook();
    await room.happen();
    let fail = (): void => undefined;
    const slow = new Promise<WebhookAnswer>((resolve) => {
      fail = () => resolve({ statusCode: 500 });
    });
    room.answer = () => (room.posted.length === 1 ? slow : { statusCode: 200 });
    const first = room.worker();
    await first.fanOut.run(room.ctx);
    await first.deliverer.start(room.ctx);
    await room.clock.advance(60_000);
    await room.work();
    fail();
    await first.deliverer.settle();
    expect(await list()).toMatchObject([{ state: 'delivered', attempts: 1 }]);
  });
});

describe('a replay', () => {
  it('sends what ended again, with the same id', async () => {
    await hook();
    await room.happen();
    await room.work();
    const [done] = await list();
    expect(await room.deliveries.replay(room.ctx, 'hook', done!.id)).toMatchObject({ state: 'pending', attempts: 0 });
    await expect(room.deliveries.replay(room.ctx, 'hook', done!.id)).rejects.toMatchObject({
      code: 'DELIVERY_PENDING',
    });
    await room.work();
    expect(ids()).toEqual([done!.id, done!.id]);
    expect(await list()).toMatchObject([{ state: 'delivered', attempts: 1 }]);
  });

  it('is of a delivery of that webhook only', async () => {
    await hook('one');
    await hook('two');
    await room.happen();
    await room.work();
    const { id } = (await list('one'))[0]!;
    for (const wrong of [id, newId(), 'nonsense'])
      await expect(room.deliveries.replay(room.ctx, 'two', wrong)).rejects.toMatchObject({
        code: 'DELIVERY_NOT_FOUND',
      });
  });
});

describe('a ping', () => {
  it('is sent now, also to a webhook that is disabled, and leaves no delivery', async () => {
    const secret = await hook();
    await room.webhooks.update(room.ctx, 'hook', { isEnabled: false });
    room.answer = () => ({ statusCode: 302 });
    expect(await room.webhooks.ping(room.ctx, 'hook')).toEqual({ statusCode: 302, error: 'REFUSED' });
    expect(JSON.parse(room.posted[0]!.body)).toMatchObject({ type: 'webhook.ping' });
    expect(verifies(room.posted[0]!, secret)).toBe(true);
    expect(await list()).toEqual([]);
  });
});

describe('a list of deliveries', () => {
  it('is paged and filtered', async () => {
    await hook();
    room.answer = ({ body }) => ({ statusCode: body.includes('approval') ? 500 : 200 });
    await room.happen('approval.voted');
    for (let count = 0; count < 3; count += 1) await room.happen('secret.created');
    await room.work();
    const of = (query: object) => room.deliveries.list(room.ctx, 'webhook', 'hook', { limit: 100, ...query });
    expect(await of({ state: 'pending' })).toMatchObject([{ type: 'approval.voted' }]);
    expect(await of({ type: 'secret.created' })).toHaveLength(3);
    const all = await of({});
    expect(await of({ limit: 2, after: all[0]!.id })).toEqual(all.slice(1, 3));
  });
});

describe('mail', () => {
  const subscribe = () =>
    room.mail.create(room.ctx, { name: 'team', address: 'team@shop.example', eventTypes: ['approval.*'] });
  const mailed = () => room.deliveries.list(room.ctx, 'mail', 'team', { limit: 10 });

  it('goes to who wants it, without facts', async () => {
    await subscribe();
    await room.happen('approval.requested', { subject: 'what somebody wrote' });
    await room.happen('secret.created');
    await room.work();
    expect(room.mailed).toMatchObject([{ to: 'team@shop.example', subject: '[Claviger] approval.requested' }]);
    expect(JSON.stringify(room.mailed)).not.toContain('somebody wrote');
    expect(await mailed()).toMatchObject([{ state: 'delivered', statusCode: 250 }]);
  });

  it('waits while there is no server', async () => {
    room.hasMailServer = false;
    await subscribe();
    await room.happen('approval.requested');
    await room.work();
    expect(await mailed()).toMatchObject([{ state: 'pending', attempts: 0 }]);
    room.hasMailServer = true;
    await room.work();
    expect(room.mailed).toHaveLength(1);
  });

  it('is tried again after a fault of the server, and not after it refused the mail for good', async () => {
    await subscribe();
    await room.happen('approval.requested');
    room.mailAnswer = { error: 'UNAVAILABLE', isPermanent: false };
    await room.work();
    expect(await mailed()).toMatchObject([{ state: 'pending', error: 'UNAVAILABLE' }]);
    room.mailAnswer = { error: 'REFUSED', statusCode: 550, isPermanent: true };
    await workFor(HOUR_MS);
    expect(await mailed()).toMatchObject([{ state: 'failed', statusCode: 550 }]);
    expect(room.mailed[0]!.id).toBe(room.mailed[1]!.id);
  });
});
