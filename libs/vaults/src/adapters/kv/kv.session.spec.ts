import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SecretValue } from '@claviger/kernel';
import { FakeClock } from '@claviger/testing';
import type { KvClient } from './kv.client.js';
import { KvSession } from './kv.session.js';
import type { KvCredentials } from './kv.settings.js';
import type { KvAnswer, KvRequest, KvTask } from './kv.wire.js';

const APPROLE: KvCredentials = { type: 'approle', roleId: 'canary-role', secretId: 'canary-secret' };
const TOKEN: KvCredentials = { type: 'token', token: 'canary-given' };

type Handler = (
  request: KvRequest,
  token: string | undefined,
  task: KvTask,
) => readonly [number, unknown] | Promise<readonly [number, unknown]>;

/** A vault by its answers to paths, and what it was asked. */
function vault(handlers: Record<string, Handler>) {
  const asked: string[] = [];
  const client = {
    send: async (task: KvTask, request: KvRequest, token?: SecretValue): Promise<KvAnswer> => {
      asked.push(`${request.path} ${token?.reveal() ?? '-'}`);
      const handler = handlers[request.path] ?? (() => [404, { errors: [] }] as const);
      const [status, body] = await handler(request, token?.reveal(), task);
      return { status, headers: {}, body: new SecretValue(JSON.stringify(body)) };
    },
  };
  return { asked, handlers, client: client as unknown as KvClient };
}

const granted = (token: string, more: object = {}): readonly [number, unknown] => [
  200,
  { auth: { client_token: token, lease_duration: 3600, renewable: true, policies: ['default', 'app'], ...more } },
];
const denied: readonly [number, unknown] = [403, { errors: ['permission denied'] }];
const looked = (more: object = {}): readonly [number, unknown] => [
  200,
  { data: { ttl: 3600, renewable: true, ...more } },
];

let session: KvSession | undefined;
afterEach(() => session?.close());

function open(credentials: KvCredentials, server: ReturnType<typeof vault>, clock = new FakeClock()): KvSession {
  session = new KvSession({
    client: server.client,
    credentials: new SecretValue(credentials),
    clock,
    address: 'https://vault.test',
  });
  return session;
}

function task(signal: AbortSignal = new AbortController().signal): KvTask {
  return { call: { requestId: 'r', signal }, operation: 'read', subject: '"a" in mount "kv"' };
}

const LOGIN = 'auth/approle/login';
const LOOKUP = 'auth/token/lookup-self';
const RENEW = 'auth/token/renew-self';
const PREFLIGHT = 'sys/internal/ui/mounts/kv';
const HOUR = 3_600_000;

/** Answers with a new token for each login. */
function counting(more: object = {}): Handler {
  let logins = 0;
  return () => granted(`t${++logins}`, more);
}

describe('KvSession', () => {
  it.each([
    [APPROLE, LOGIN, { role_id: 'canary-role', secret_id: 'canary-secret' }],
    [
      { ...APPROLE, mountPath: 'team/app' },
      'auth/team/app/login',
      { role_id: 'canary-role', secret_id: 'canary-secret' },
    ],
    [{ type: 'userpass', username: 'ann b', password: 'pw' }, 'auth/userpass/login/ann%20b', { password: 'pw' }],
    [{ type: 'jwt', role: 'r', jwt: 'a.b.c' }, 'auth/jwt/login', { role: 'r', jwt: 'a.b.c' }],
  ] as const)('logs in with %j', async (credentials, path, body) => {
    let sent: unknown;
    const server = vault({
      [path]: (request) => {
        sent = JSON.parse(request.body!.reveal());
        return granted('t1');
      },
    });
    const grant = await open(credentials, server).grant(task());
    expect([grant.token.reveal(), sent, server.asked]).toEqual(['t1', body, [`${path} -`]]);
  });

  it('logs in once for all calls that come while it does, and uses the token for those that follow', async () => {
    const server = vault({ [LOGIN]: counting() });
    const using = open(APPROLE, server);
    await Promise.all(Array.from({ length: 20 }, () => using.grant(task())));
    await using.grant(task());
    expect(server.asked).toEqual([`${LOGIN} -`]);
  });

  it('lets one caller give up without ending the login of the others', async () => {
    let answer = (): void => undefined;
    const server = vault({ [LOGIN]: () => new Promise((resolve) => (answer = () => resolve(granted('t1')))) });
    const using = open(APPROLE, server);
    const leaving = new AbortController();
    const left = using.grant(task(leaving.signal));
    const stays = using.grant(task());
    leaving.abort();
    await expect(left).rejects.toMatchObject({ vaultCode: 'CANCELLED', operation: 'read', outcomeUnknown: false });
    answer();
    expect((await stays).token.reveal()).toBe('t1');
  });

  it('renews when two thirds of the life are over, again and again, and logs in no more', async () => {
    const clock = new FakeClock();
    const server = vault({ [LOGIN]: counting(), [RENEW]: (_, token) => granted(token!) });
    const using = open(APPROLE, server, clock);
    await using.grant(task());
    await clock.advance(HOUR * 0.66);
    expect(server.asked).toHaveLength(1);
    await clock.advance(HOUR * 5);
    expect((await using.grant(task())).token.reveal()).toBe('t1');
    expect(new Set(server.asked)).toEqual(new Set([`${LOGIN} -`, `${RENEW} t1`]));
    expect(server.asked).toHaveLength(1 + 8);
  });

  it('logs in anew when two thirds of a life that cannot be renewed are over', async () => {
    const clock = new FakeClock();
    const using = open(APPROLE, vault({ [LOGIN]: counting({ renewable: false }) }), clock);
    await using.grant(task());
    await clock.advance(HOUR * 0.66);
    expect((await using.grant(task())).token.reveal()).toBe('t1');
    await clock.advance(HOUR * 0.01);
    expect((await using.grant(task())).token.reveal()).toBe('t2');
  });

  it('logs in anew when a renewal grants less than at first, as at the greatest age', async () => {
    const clock = new FakeClock();
    const server = vault({ [LOGIN]: counting(), [RENEW]: (_, token) => granted(token!, { lease_duration: 60 }) });
    const using = open(APPROLE, server, clock);
    await using.grant(task());
    await clock.advance(HOUR * 0.67);
    expect((await using.grant(task())).token.reveal()).toBe('t2');
  });

  it('logs in anew when a renewal is refused', async () => {
    const clock = new FakeClock();
    const using = open(APPROLE, vault({ [LOGIN]: counting(), [RENEW]: () => denied }), clock);
    await using.grant(task());
    await clock.advance(HOUR * 0.67);
    expect((await using.grant(task())).token.reveal()).toBe('t2');
  });

  it('tries a renewal again that got no answer', async () => {
    const clock = new FakeClock();
    let renewals = 0;
    const server = vault({
      [LOGIN]: counting(),
      [RENEW]: (_, token) => (++renewals < 3 ? [503, { errors: ['Vault is sealed'] }] : granted(token!)),
    });
    const using = open(APPROLE, server, clock);
    await using.grant(task());
    await clock.advance(HOUR * 1.2);
    expect([renewals, (await using.grant(task())).token.reveal()]).toEqual([3, 't1']);
  });

  it('goes on with the old token while a due login fails and the token lives', async () => {
    const clock = new FakeClock();
    const server = vault({ [LOGIN]: counting({ renewable: false }) });
    const using = open(APPROLE, server, clock);
    await using.grant(task());
    server.handlers[LOGIN] = () => [400, { errors: ['invalid role or secret ID'] }];
    await clock.advance(HOUR * 0.7);
    expect((await using.grant(task())).token.reveal()).toBe('t1');
    await clock.advance(HOUR * 0.31);
    await expect(using.grant(task())).rejects.toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
  });

  it('does not present refused credentials again before a pause that doubles, and says until when', async () => {
    const clock = new FakeClock();
    const server = vault({ [LOGIN]: () => [400, { errors: ['invalid role or secret ID'] }] });
    const using = open(APPROLE, server, clock);
    const refused = () => expect(using.grant(task())).rejects.toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
    for (let n = 0; n < 50; n++) await refused();
    expect(server.asked).toHaveLength(1);
    await expect(using.grant(task())).rejects.toMatchObject({ details: { notBefore: '2026-01-01T00:00:05.000Z' } });
    await clock.advance(5_000);
    for (let n = 0; n < 50; n++) await refused();
    expect(server.asked).toHaveLength(2);
    await clock.advance(9_999);
    await refused();
    expect(server.asked).toHaveLength(2);
    await clock.advance(1);
    await refused();
    expect(server.asked).toHaveLength(3);
  });

  it('presents them at once when told to insist, and forgets the refusals after a success', async () => {
    const server = vault({ [LOGIN]: () => denied });
    const using = open(APPROLE, server);
    await expect(using.grant(task())).rejects.toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
    server.handlers[LOGIN] = counting();
    await expect(using.grant(task())).rejects.toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
    expect((await using.grant(task(), { insist: true })).token.reveal()).toBe('t1');
    expect((await using.grant(task())).token.reveal()).toBe('t1');
  });

  it.each([
    [[429, { errors: ['quota'] }], 'THROTTLED'],
    [[503, { errors: ['Vault is sealed'] }], 'SEALED'],
    [[500, { errors: ['x'] }], 'UNAVAILABLE'],
    [[404, { errors: ['namespace not found'] }], 'MISCONFIGURED'],
    [[200, { data: {} }], 'MISCONFIGURED'],
    [[200, 'html'], 'MISCONFIGURED'],
  ] as const)('tells a login answered with %j %s, and remembers nothing', async (answer, code) => {
    const server = vault({ [LOGIN]: () => answer });
    const using = open(APPROLE, server);
    await expect(using.grant(task())).rejects.toMatchObject({ vaultCode: code, operation: 'login' });
    server.handlers[LOGIN] = counting();
    expect((await using.grant(task())).token.reveal()).toBe('t1');
  });

  it('keeps credentials out of its errors', async () => {
    for (const answer of [
      [400, { errors: ['canary-secret'] }],
      [500, { errors: ['canary-secret'] }],
      [200, { auth: 'canary-secret' }],
    ] as const) {
      const error: unknown = await open(APPROLE, vault({ [LOGIN]: () => answer }))
        .grant(task())
        .catch((thrown: unknown) => thrown);
      expect(`${inspect(error, { depth: Infinity, showHidden: true })}${JSON.stringify(error)}`).not.toContain(
        'canary',
      );
    }
  });
});

describe('KvSession, when a token is refused', () => {
  it('leaves the refusal to the policy when the token can look itself up', async () => {
    const server = vault({ [LOGIN]: counting(), [LOOKUP]: () => looked() });
    const using = open(APPROLE, server);
    const grant = await using.grant(task());
    expect(await using.replace(task(), grant, 'kv')).toBeUndefined();
    expect(server.asked).toEqual([`${LOGIN} -`, `${LOOKUP} t1`]);
  });

  it('logs in anew when it cannot any more, once for all calls that were refused', async () => {
    const server = vault({ [LOGIN]: counting(), [LOOKUP]: () => denied });
    const using = open(APPROLE, server);
    const grant = await using.grant(task());
    const all = await Promise.all(Array.from({ length: 20 }, () => using.replace(task(), grant, 'kv')));
    expect(new Set(all.map((one) => one?.token.reveal()))).toEqual(new Set(['t2']));
    expect(server.asked).toEqual([`${LOGIN} -`, `${LOOKUP} t1`, `${LOGIN} -`]);
    expect((await using.replace(task(), grant, 'kv'))?.token.reveal()).toBe('t2');
    expect(server.asked).toHaveLength(3);
  });

  it('asks the mount about a token that may not look itself up', async () => {
    const server = vault({
      [LOGIN]: counting({ policies: ['app'] }),
      [LOOKUP]: () => denied,
      [PREFLIGHT]: () => [200, { data: {} }],
    });
    const using = open(APPROLE, server);
    expect(await using.replace(task(), await using.grant(task()), 'kv')).toBeUndefined();
    expect(server.asked).toEqual([`${LOGIN} -`, `${LOOKUP} t1`, `${PREFLIGHT} t1`]);
  });

  it('logs in at most every 30 seconds for a token of which nothing is known', async () => {
    const clock = new FakeClock();
    const server = vault({
      [LOGIN]: counting({ policies: ['app'] }),
      [LOOKUP]: () => denied,
      [PREFLIGHT]: () => denied,
    });
    const using = open(APPROLE, server, clock);
    const second = await using.replace(task(), await using.grant(task()), 'kv');
    expect(second?.token.reveal()).toBe('t2');
    expect(await using.replace(task(), second!, 'kv')).toBeUndefined();
    await clock.advance(30_000);
    expect((await using.replace(task(), second!, 'kv'))?.token.reveal()).toBe('t3');
  });

  it('passes on what keeps it from asking', async () => {
    const server = vault({ [LOGIN]: counting(), [LOOKUP]: () => [503, { errors: ['Vault is sealed'] }] });
    const using = open(APPROLE, server);
    await expect(using.replace(task(), await using.grant(task()), 'kv')).rejects.toMatchObject({ vaultCode: 'SEALED' });
  });

  it('is UNAUTHENTICATED with a token that was given, from memory for a while, and tries it again then', async () => {
    const clock = new FakeClock();
    const server = vault({ [LOOKUP]: () => looked({ ttl: 0, renewable: false }) });
    const using = open(TOKEN, server, clock);
    const grant = await using.grant(task());
    server.handlers[LOOKUP] = () => denied;
    await expect(using.replace(task(), grant, 'kv')).rejects.toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
    for (let n = 0; n < 9; n++)
      await expect(using.grant(task())).rejects.toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
    expect(server.asked).toHaveLength(2);
    server.handlers[LOOKUP] = () => looked();
    await clock.advance(5_000);
    expect((await using.grant(task())).token.reveal()).toBe('canary-given');
  });

  it('is UNAUTHENTICATED with a given token that never was good', async () => {
    const server = vault({ [LOOKUP]: () => denied, [PREFLIGHT]: () => denied });
    const using = open(TOKEN, server);
    const grant = await using.grant(task());
    await expect(using.replace(task(), grant, 'kv')).rejects.toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
    await expect(using.grant(task())).rejects.toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
  });

  it('does not let one mount shut out a given token that was good at another', async () => {
    const server = vault({ [LOOKUP]: () => denied, [PREFLIGHT]: () => denied });
    const using = open(TOKEN, server);
    const grant = await using.grant(task());
    using.succeeded();
    await expect(using.replace(task(), grant, 'kv')).rejects.toMatchObject({ vaultCode: 'UNAUTHENTICATED' });
    expect((await using.grant(task())).token.reveal()).toBe('canary-given');
  });

  it('keeps a given token alive that can be renewed', async () => {
    const clock = new FakeClock();
    const server = vault({
      [LOOKUP]: () => looked(),
      [RENEW]: () => granted('canary-given', { lease_duration: 1800 }),
    });
    const using = open(TOKEN, server, clock);
    await using.grant(task());
    await clock.advance(HOUR * 4);
    expect((await using.grant(task())).token.reveal()).toBe('canary-given');
    expect(server.asked.filter((one) => one.startsWith(LOOKUP))).toHaveLength(1);
  });
});

describe('KvSession, closed', () => {
  it('renews no more, leaves no timer, and gives its token back', async () => {
    const clock = new FakeClock();
    const server = vault({ [LOGIN]: counting(), 'auth/token/revoke-self': () => [204, ''] });
    const using = open(APPROLE, server, clock);
    await using.grant(task());
    await clock.settle();
    expect(clock.sleeping).toBe(1);
    await using.close();
    await clock.settle();
    expect(clock.sleeping).toBe(0);
    expect(server.asked).toEqual([`${LOGIN} -`, 'auth/token/revoke-self t1']);
  });

  it('leaves a token alone that was given', async () => {
    const server = vault({ [LOOKUP]: () => looked() });
    const using = open(TOKEN, server);
    await using.grant(task());
    await using.close();
    expect(server.asked).toEqual([`${LOOKUP} canary-given`]);
  });

  it('does not mind a server that is gone', async () => {
    const server = vault({ [LOGIN]: counting(), 'auth/token/revoke-self': () => Promise.reject(new Error('gone')) });
    const using = open(APPROLE, server);
    await using.grant(task());
    await expect(using.close()).resolves.toBeUndefined();
  });

  it('keeps one timer however often it logs in', async () => {
    const clock = new FakeClock();
    const server = vault({ [LOGIN]: counting(), [LOOKUP]: () => denied });
    const using = open(APPROLE, server, clock);
    let grant = await using.grant(task());
    for (let n = 0; n < 5; n++) grant = (await using.replace(task(), grant, 'kv'))!;
    await clock.settle();
    expect([grant.token.reveal(), clock.sleeping]).toEqual(['t6', 1]);
  });
});
