import { SecretValue } from '@claviger/kernel';
import { HOP_HEADER, hopValue } from '@claviger/vaults/network';
import { request, type Dispatcher } from 'undici';
import { kvError } from './kv.errors.js';
import { redirectTarget, type RedirectRule } from './kv.redirect.js';
import type { KvAnswer, KvRequest, KvTask } from './kv.wire.js';

/** What node-vault hands over: its own fields, and ours, which it passes through. */
export type TransportOptions = {
  readonly method: KvRequest['method'];
  readonly uri: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: SecretValue<string>;
  readonly task: KvTask;
};

/**
 * What node-vault gets: a success whatever happened, with our own answer as the body. Of anything else it would put the
 * first error text into an Error, drop all headers, and take any failure under a path with `sys/health` in it for a
 * success.
 */
export type TransportAnswer = { readonly statusCode: 200; readonly body: KvAnswer };

export type Transport = (options: TransportOptions) => Promise<TransportAnswer>;

/** Sends node-vault's requests through a pinned dispatcher. Knows no retry and no time-out but the call's signal. */
export function createTransport(init: {
  readonly dispatcher: Dispatcher;
  readonly installationId: string;
  readonly redirects: RedirectRule;
}): Transport {
  const send = async (url: URL, options: TransportOptions): Promise<KvAnswer> => {
    const { statusCode, headers, body } = await request(url, {
      dispatcher: init.dispatcher,
      method: options.method,
      headers: { ...options.headers, [HOP_HEADER]: hopValue(init.installationId, options.task.call.hops) },
      signal: options.task.call.signal,
      body: options.body?.reveal() ?? null,
    });
    return { status: statusCode, headers, body: new SecretValue(await body.text()) };
  };
  return async (options) => {
    const url = new URL(options.uri);
    let answer = await send(url, options);
    const target = redirectTarget(options.task, url, answer, init.redirects);
    if (target) answer = await send(target, options);
    if (answer.status >= 300 && answer.status < 400) {
      throw kvError(options.task, 'MISCONFIGURED', `${target?.host ?? url.host} redirects again; give the active node`);
    }
    return { statusCode: 200, body: answer };
  };
}
