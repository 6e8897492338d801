import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, type ApiAnswer, type ApiClient, type JsonBody } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { TestApp } from '../../libs/testing/src/app-harness.js';
import { HookReceiver } from './hook-receiver.js';
import { MailServer } from './mail-server.js';
import { tellNotificationStory } from './notification-story.js';
import { Stage, unique } from './stage.js';

jest.setTimeout(120_000);

const CANARY = 'notified-canary-91c2';
const any = { ifMatch: '*' };
const directory = mkdtempSync(join(tmpdir(), 'claviger-mail-'));

let receiver: HookReceiver;
let mail: MailServer;
let stage: Stage;
let app: TestApp;
let api: ApiClient;
beforeAll(async () => {
  receiver = await HookReceiver.start();
  mail = await MailServer.start(directory, `${CANARY}:smtp@/password`);
  stage = await Stage.open({ bao: false, cluster: true, env: mail.env });
  ({ app, api } = stage);
  await stage.vault('builtin', 'prod');
});
afterAll(async () => {
  await stage?.close();
  await Promise.all([receiver?.close(), mail?.close()]);
  rmSync(directory, { recursive: true });
});

async function made(answer: Promise<ApiAnswer>): Promise<JsonBody> {
  const { status, body } = await answer;
  expect({ status, body: status < 300 || body }).toMatchObject({ body: true });
  return body;
}

/** A webhook that posts to a path of its own name; its secret. */
async function hook(name: string, eventTypes: readonly string[]): Promise<string> {
  return (await made(api.post('/webhooks', { name, url: receiver.url(`/${name}`), eventTypes }))).secret as string;
}

async function secret(content: object = { value: CANARY }): Promise<{ id: string; name: string }> {
  const name = unique('secret');
  const base = { type: 'key-value', content, sourceProfile: 'prod' };
  const { secret: row } = await made(api.post('/secrets', { ...base, name }));
  return { id: row.id as string, name };
}

describe('a webhook', () => {
  tellNotificationStory(() => stage);

  it('hears when a copy is equal, when it is lost, and when it is there again', async () => {
    const name = unique('hook');
    await hook(name, ['target.*']);
    await made(api.post('/vault-profiles', { name: 'copies', instance: 'inside', mount: 'copies' }));
    const { id } = await secret();
    await made(api.post(`/secrets/${id}/sync-profiles`, { profile: 'copies' }));
    const target = async (): Promise<JsonBody> =>
      ((await made(api.get(`/secrets/${id}/targets`))).items as JsonBody[])[0]!;
    await eventually(async () => expect(await target()).toMatchObject({ status: 'in_sync' }));
    await eventually(() => expect(receiver.at(`/${name}`)).toHaveLength(1));
    await app.database.dataSource.query(`delete from builtin_object where mount = 'copies'`);
    await stage.verifyTargets();
    await eventually(() => expect(receiver.at(`/${name}`)).toHaveLength(2));
    await made(api.post(`/secrets/${id}/targets/copies/sync`));
    await eventually(() => expect(receiver.at(`/${name}`)).toHaveLength(3));
    const equal = { profile: 'copies', status: 'in_sync', version: 1 };
    const lost = { profile: 'copies', status: 'missing', code: 'TARGET_REMOVED_AT_TARGET' };
    const told = receiver.at(`/${name}`).map((post) => JSON.parse(post.body) as JsonBody);
    expect(told).toMatchObject([
      { type: 'target.synced', data: { subjectId: id, facts: equal } },
      { type: 'target.drifted', data: { subjectId: id, facts: lost } },
      { type: 'target.recovered', data: { subjectId: id, facts: equal } },
    ]);
  });

  it('tells its secret once, and signs with two after a rotation', async () => {
    const name = unique('hook');
    const old = await hook(name, ['secret.created']);
    const { secret: next } = await made(api.post(`/webhooks/${name}/rotate-secret`));
    const shown = await made(api.get(`/webhooks/${name}`));
    expect(JSON.stringify([shown, await made(api.get('/webhooks'))])).not.toMatch(/whsec_/);
    expect(await made(api.post(`/webhooks/${name}/ping`))).toEqual({ isDelivered: true, statusCode: 204, error: null });
    for (const known of [old, next as string]) expect(() => receiver.at(`/${name}`)[0]!.verify(known)).not.toThrow();
    expect(receiver.at(`/${name}`)[0]!.headers['webhook-signature']).toMatch(/^v1,\S+ v1,\S+$/);
  });

  it('is disabled by 410, and delivers again what a person replays', async () => {
    const name = unique('hook');
    await hook(name, ['secret.created']);
    receiver.answers.set(`/${name}`, { status: 410 });
    await secret();
    await eventually(async () =>
      expect((await api.get(`/webhooks/${name}`)).body).toMatchObject({ isEnabled: false, disabledReason: 'gone' }),
    );
    receiver.answers.delete(`/${name}`);
    await made(api.patch(`/webhooks/${name}`, { isEnabled: true }, any));
    const [failed] = (await made(api.get(`/webhooks/${name}/deliveries?state=failed&type=secret.created`)))
      .items as JsonBody[];
    await made(api.post(`/webhooks/${name}/deliveries/${failed!.id}/replay`));
    await eventually(() => expect(receiver.at(`/${name}`)).toHaveLength(2));
    const [first, second] = receiver.at(`/${name}`);
    expect(second!.headers['webhook-id']).toBe(first!.headers['webhook-id']);
  });

  it('follows no redirect, and shows nothing of the answer', async () => {
    const name = unique('hook');
    await hook(name, ['secret.created']);
    receiver.answers.set(`/${name}`, { status: 307, headers: { location: receiver.url('/elsewhere') } });
    expect((await api.post(`/webhooks/${name}/ping`)).body).toEqual({
      isDelivered: false,
      statusCode: 307,
      error: 'REFUSED',
    });
    expect(receiver.at('/elsewhere')).toEqual([]);
  });

  it.each([
    ['http://192.0.2.1/', 'by http outside private networks'],
    ['http://169.254.169.254/latest', 'the metadata service'],
  ])('is not posted to %s: %s', async (url) => {
    const name = unique('hook');
    await made(api.post('/webhooks', { name, url, eventTypes: ['*'], isEnabled: false }));
    const { body } = await api.post(`/webhooks/${name}/ping`);
    expect(body).toEqual({ isDelivered: false, statusCode: null, error: 'ADDRESS_DENIED' });
  });

  it('is not for those who were not given it: it hears of everything', async () => {
    const name = unique('hook');
    await hook(name, ['secret.created']);
    const token = async (...policies: string[]): Promise<ApiClient> =>
      api.as((await made(api.post('/tokens', { policies, isOrphan: true }))).token as string);
    const wanted = { name: unique('hook'), url: receiver.url('/x'), eventTypes: ['*'] };
    for (const policy of ['operator', 'developer', 'approver', 'auditor']) {
      const caller = await token(policy);
      expect((await caller.post('/webhooks', wanted)).status).toBe(403);
      expect((await caller.post(`/webhooks/${name}/rotate-secret`)).status).toBe(403);
      expect((await caller.get(`/webhooks/${name}`)).status).toBe(policy === 'auditor' ? 200 : 403);
    }
  });

  it('is changed by those only who saw it as it is', async () => {
    const name = unique('hook');
    await hook(name, ['secret.created']);
    const change = { description: 'for the people on call' };
    expect((await api.patch(`/webhooks/${name}`, change, { ifMatch: 7 })).status).toBe(412);
    expect((await api.patch(`/webhooks/${name}`, change, { ifMatch: 1 })).body).toMatchObject({ revision: 2 });
    expect((await api.delete(`/webhooks/${name}`, { ifMatch: 2 })).status).toBe(204);
    expect((await api.get(`/webhooks/${name}`)).status).toBe(404);
  });
});

describe('mail', () => {
  it('goes over TLS, with a name and a link and no value', async () => {
    const name = unique('mail');
    const address = `${name}@shop.example`;
    await made(api.post('/mail-subscriptions', { name, address, eventTypes: ['secret.*'] }));
    const { id, name: secretName } = await secret();
    await eventually(() => expect(mail.mails.some(({ to }) => to.includes(address))).toBe(true));
    const [got] = mail.mails.filter(({ to }) => to.includes(address));
    expect(got).toMatchObject({ to: [address], isSecure: true });
    expect(got!.text).toContain(`Subject: [Claviger] secret.created: ${secretName}`);
    expect(got!.text).toContain(`https://vault.example/api/v1/secrets/${id}`);
    expect(got!.text).toContain('From: claviger@vault.example');
    expect(got!.text).not.toContain(CANARY);
    await eventually(async () => {
      const { items } = (await api.get(`/mail-subscriptions/${name}/deliveries`)).body;
      expect(items).toMatchObject([{ state: 'delivered', statusCode: 250 }]);
    });
  });

  it('that the server refuses for good is not sent again', async () => {
    const name = unique('nobody');
    await made(api.post('/mail-subscriptions', { name, address: `${name}@shop.example`, eventTypes: ['secret.*'] }));
    await secret();
    await eventually(async () =>
      expect((await api.get(`/mail-subscriptions/${name}/deliveries`)).body.items).toMatchObject([
        { state: 'failed', statusCode: 550, error: 'REFUSED', nextAttemptAt: null },
      ]),
    );
  });
});
