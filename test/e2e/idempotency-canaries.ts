import type { ApiAnswer } from '@claviger/testing';
import type { Planting } from './login-canaries.js';
import { unique } from './stage.js';

/** Idempotency keys, the bodies that come with them, and secrets that are answered again. */
export async function idempotencyIn({ api, plant, keep, must, note }: Planting): Promise<void> {
  const twice = async (path: string, body: object): Promise<ApiAnswer> => {
    const options = { headers: { 'idempotency-key': plant() } };
    await note(api.post(path, { ...body, pasword: plant() }, options));
    const first = await api.post(path, body, options);
    if (first.status !== 201) throw new Error(`${path} answered ${first.status}.`);
    const again = await api.post(path, body, options);
    if (again.text !== first.text) throw new Error(`${path} did not answer again what it had answered.`);
    await note(api.post(path, { ...body, displayName: 'another' }, options));
    return again;
  };
  keep((await twice('/tokens', { displayName: unique('repeated'), ttlSeconds: 600 })).body.token as string);
  await twice('/users', { name: unique('repeated'), password: plant() });
  const account = unique('repeated');
  await must(api.post('/service-accounts', { name: account }));
  const { clientSecret } = (await twice(`/service-accounts/${account}/credentials`, {})).body;
  keep(clientSecret as string);
  await note(api.post('/users', { name: unique('user') }, { headers: { 'idempotency-key': `not a key ${plant()}` } }));
}
