import { eventually } from '@claviger/testing';
import { expect } from '@jest/globals';
import type { HookReceiver } from './hook-receiver.js';
import type { Planting } from './login-canaries.js';
import type { MailServer } from './mail-server.js';
import { unique } from './stage.js';

const any = { ifMatch: '*' };

/** Signing secrets, and what a receiver answers, through everything that happens to webhooks. */
export async function webhooksIn(planting: Planting, receiver: HookReceiver): Promise<void> {
  const { api, plant, keep, must, note } = planting;
  const keepSecret = (text: string): void => {
    keep(text);
    keep(Buffer.from(text.slice('whsec_'.length), 'base64').toString('latin1'));
  };
  const [good, bad, gone] = [unique('hook'), unique('hook'), unique('hook')];
  receiver.answers.set(`/${bad}`, { status: 500, headers: { 'x-told': plant() } });
  receiver.answers.set(`/${gone}`, { status: 410 });
  for (const name of [good, bad, gone]) {
    const settings = { name, url: receiver.url(`/${name}`), eventTypes: ['secret.*'] };
    // The answers that tell the secret are the only ones that may hold it, so they are not noted.
    keepSecret((await api.post('/webhooks', settings)).body.secret as string);
    keepSecret((await api.post(`/webhooks/${name}/rotate-secret`)).body.secret as string);
    await must(api.post(`/webhooks/${name}/ping`));
  }
  const value = plant();
  const base = { type: 'key-value', content: { value }, sourceProfile: 'source' };
  const { secret } = await must(api.post('/secrets', { ...base, name: unique('told') }));
  await must(api.put(`/secrets/${secret.id}/content`, { content: { value: plant() } }, any));
  await eventually(async () => {
    const { items } = (await note(api.get(`/webhooks/${bad}/deliveries`))).body;
    expect(items).toContainEqual(expect.objectContaining({ state: 'pending', statusCode: 500 }));
    expect((await api.get(`/webhooks/${gone}`)).body.isEnabled).toBe(false);
  });
  for (const name of [good, bad, gone]) {
    await note(api.get(`/webhooks/${name}`));
    await note(api.get(`/webhooks/${name}/deliveries`));
  }
  await note(api.get('/webhooks'));
  const misplaced = { name: unique('hook'), eventTypes: ['*'] };
  await note(api.post('/webhooks', { ...misplaced, url: `https://${plant()}:${plant()}@hooks.example/` }));
  await note(api.post('/webhooks', { ...misplaced, url: plant(), secret: plant() }));
  await note(api.post('/webhooks', { ...misplaced, url: receiver.url('/'), caCertificate: plant() }));
  await note(api.post('/webhooks', { name: `Not a name ${plant()}`, url: receiver.url('/'), eventTypes: [plant()] }));
  await note(api.get(`/webhooks/${encodeURIComponent(`Not a name ${plant()}`)}`));
  for (const { body, headers } of receiver.posts) {
    expect(body).not.toContain(value);
    expect(`${body} ${JSON.stringify(headers)}`).not.toContain('whsec_');
  }
}

/** Mail that the server takes, and mail that it refuses in words that quote what was sent. */
export async function mailIn({ api, plant, must, note }: Planting, server: MailServer): Promise<void> {
  const subscribe = (name: string, address: string) =>
    must(api.post('/mail-subscriptions', { name, address, eventTypes: ['secret.created'] }));
  const [taken, refused] = [unique('mail'), unique('nobody')];
  for (const name of [taken, refused]) await subscribe(name, `${name}@shop.example`);
  const base = { type: 'key-value', content: { value: plant() }, sourceProfile: 'source' };
  await must(api.post('/secrets', { ...base, name: unique('mailed') }));
  await eventually(async () => {
    expect(server.mails.flatMap(({ to }) => to)).toContain(`${taken}@shop.example`);
    const { items } = (await note(api.get(`/mail-subscriptions/${refused}/deliveries`))).body;
    expect(items).toContainEqual(expect.objectContaining({ state: 'failed', statusCode: 550 }));
  });
  await note(api.get('/mail-subscriptions'));
  const misplaced = { name: unique('mail'), eventTypes: ['*'] };
  await note(api.post('/mail-subscriptions', { ...misplaced, address: plant(), password: plant() }));
}
