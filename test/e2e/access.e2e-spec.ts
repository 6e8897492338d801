import type { ApiAnswer, ApiClient, JsonBody } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ApiDescription } from '../../apps/api/src/http/openapi.js';
import { CANARY } from './endpoint-ground.js';
import { ENDPOINT_CALLS, walk } from './every-endpoint.js';
import { Stage, type StageVault } from './stage.js';

jest.setTimeout(300_000);

let stage: Stage;
let source: StageVault;
let target: StageVault;
beforeAll(async () => {
  stage = await Stage.open({ bao: false });
  source = await stage.vault('builtin', 'source');
  target = await stage.vault('builtin', 'target');
});
afterAll(() => stage?.close());

const endpoints = (): ReturnType<ApiDescription['endpoints']> =>
  stage.app.nest.get(ApiDescription, { strict: false }).endpoints();

const isRefused = ({ status, body }: ApiAnswer): boolean =>
  [401, 403, 404].includes(status) || isEachRefused((body as { items?: unknown } | undefined)?.items);

/** Several votes have an answer each. */
const isEachRefused = (items: unknown): boolean =>
  Array.isArray(items) && items.length > 0 && items.every((item: JsonBody) => item.error?.code === 'ACCESS_DENIED');

/** What every token may do, because the answer is about its bearer alone, or public keys. */
const ABOUT_ONESELF = [
  'GET /api/v1/whoami',
  'GET /api/v1/report-keys',
  'GET /api/v1/approvals',
  'GET /api/v1/approvals/counts',
  'GET /api/v1/plans',
  'GET /api/v1/imports',
];

/** What an error says, without what is never the same twice. */
function comparable({ status, body, headers }: ApiAnswer): JsonBody {
  const text = JSON.stringify(body)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')
    .replaceAll(
      /(secret|policy|instance|new|builtin|user|account|group|issuer|webhook|mail|schedule|voters?)-\d+/g,
      '$1-<n>',
    )
    .replaceAll(/claviger\/tokens\/[A-Za-z0-9]{20,}/g, 'claviger/tokens/<accessor>');
  return { status, mediaType: headers.get('content-type'), ...JSON.parse(text), requestId: '<id>' };
}

type Call = readonly [endpoint: string, answer: ApiAnswer];

/** What a caller is answered to each request that needs a token: all but those that one logs in with. */
async function walkGuarded(caller: ApiClient): Promise<Call[]> {
  const calls: Call[] = [];
  for await (const call of walk({ stage, source, target }, caller))
    if (!call[0].startsWith('POST /api/v1/login/')) calls.push(call);
  return calls;
}

const walked = new Map<string, Promise<Call[]>>();

/** The same of a token with these policies, which walks once for all tests. */
function walkWith(...policies: readonly string[]): Promise<Call[]> {
  const key = policies.join();
  const calls = walked.get(key) ?? stage.tokenWith(...policies).then(walkGuarded);
  walked.set(key, calls);
  return calls;
}

describe('the inventory of endpoints', () => {
  it('says what each one needs', () => {
    const rows = endpoints().map(({ method, url, needs }) => `${method} ${url}: ${needs}`);
    expect(rows).toMatchSnapshot();
  });

  it('is walked whole by these tests', () => {
    const known = endpoints()
      .filter(({ url }) => url.startsWith('/api/v1/'))
      .map(({ method, url }) => `${method} ${url}`);
    expect(Object.keys(ENDPOINT_CALLS).sort()).toEqual(known.sort());
    const open = endpoints().filter(({ needs }) => needs === 'public');
    expect(open.map(({ url }) => url).filter((url) => url.startsWith('/api/v1/'))).toEqual([
      '/api/v1/login/client-credential',
      '/api/v1/login/jwt',
      '/api/v1/login/password',
    ]);
  });
});

describe('without a token', () => {
  it('every endpoint answers the same, however the request looks', async () => {
    const nobody = stage.api.as(undefined);
    const seen = new Set<string>();
    for (const { method, url } of endpoints().filter(({ needs }) => needs !== 'public')) {
      const path = url.replaceAll(/:\w+/g, 'x');
      const headers = { 'content-type': 'application/json' };
      const requests = method === 'GET' ? [{}] : [{}, { headers, body: '{}' }, { headers, body: '{"broken' }];
      for (const request of requests)
        seen.add(JSON.stringify(comparable(await nobody.raw({ method, path, ...request }))));
    }
    expect([...seen].map((text) => JSON.parse(text))).toMatchSnapshot();
  });
});

describe('a token without policies', () => {
  it('is refused everywhere, in words that tell nothing', async () => {
    const answers: string[] = [];
    for (const [endpoint, answer] of await walkWith()) {
      if (ABOUT_ONESELF.includes(endpoint)) continue;
      if (endpoint === 'POST /api/v1/approvals/votes') {
        expect({ endpoint, isRefused: isRefused(answer) }).toEqual({ endpoint, isRefused: true });
        continue;
      }
      if (endpoint === 'GET /api/v1/secrets') expect(answer).toMatchObject({ status: 200, body: { items: [] } });
      else {
        const { status, code, detail, ...rest } = comparable(answer);
        expect({
          endpoint,
          isRefused: isRefused(answer),
          keys: Object.keys(rest).filter((key) => key !== 'details'),
        }).toEqual({ endpoint, isRefused: true, keys: ['mediaType', 'type', 'title', 'requestId', 'retryable'] });
        answers.push(`${endpoint}: ${status} ${code} ${detail}`);
      }
    }
    expect(answers).toMatchSnapshot();
  });
});

describe('the policies that come with Claviger', () => {
  it.each(['admin', 'operator', 'approver', 'auditor', 'developer'])('%s does what it says', async (policy) => {
    const allowed = (await walkWith(policy)).filter(([, answer]) => !isRefused(answer)).map(([endpoint]) => endpoint);
    expect(stage.app.logs.lines('http.failed')).toEqual([]);
    expect(allowed).toMatchSnapshot();
  });

  const expectNoValues = async (...policies: readonly string[]): Promise<void> => {
    for (const [endpoint, { text }] of await walkWith(...policies))
      expect({ endpoint, tells: text.includes(CANARY) }).toEqual({ endpoint, tells: false });
    const caller = await stage.tokenWith(...policies);
    const { id } = await stage.secret({ source, content: { value: CANARY } });
    for (const query of ['', '?version=1']) {
      const answer = await caller.get(`/secrets/${id}/content${query}`);
      expect(isRefused(answer)).toBe(true);
    }
  };

  it.each([[['auditor']], [['auditor', 'developer']]])('%j never read a value, anywhere', (policies) =>
    expectNoValues(...policies),
  );

  it('auditor changes nothing but to have reports drawn, not even as a child of who may', async () => {
    const { body } = await stage.api.post('/tokens', { policies: ['auditor'] });
    const child = stage.api.as(body.token as string);
    expect(await child.get('/whoami')).toMatchObject({ status: 200, body: { policies: ['auditor'] } });
    for (const calls of [await walkWith('auditor'), await walkGuarded(child)])
      for (const [endpoint, answer] of calls)
        if (!endpoint.startsWith('GET ') && endpoint !== 'POST /api/v1/reports')
          expect({ endpoint, isRefused: isRefused(answer) || endpoint.endsWith('/check') }).toEqual({
            endpoint,
            isRefused: true,
          });
  });

  it.each(['operator', 'approver'])('%s reads no value', (policy) => expectNoValues(policy));
});

describe('a policy on one path', () => {
  it('grants exactly that, whether the profile is named or given by its id', async () => {
    const { id } = (await stage.api.get(`/vault-profiles/${source.profile}`)).body;
    const caller = await stage.allowed({
      'claviger/secrets/*': ['create', 'read', 'list'],
      '+/data/*': ['create', 'read'],
      [`${source.profile}/*`]: ['deny'],
      [`claviger/secrets/${source.profile}/*`]: ['deny'],
      [`claviger/vault-profiles/*`]: ['read'],
      [`claviger/vault-profiles/${source.profile}`]: ['deny'],
    });
    const body = { name: 'by-id', type: 'key-value', content: { value: 'x' } };
    for (const sourceProfile of [source.profile, id as string]) {
      const answer = await caller.post('/secrets', { ...body, sourceProfile });
      expect([400, 403]).toContain(answer.status);
      expect((await caller.get(`/vault-profiles/${sourceProfile}`)).status).not.toBe(200);
      const sync = { ...body, sourceProfile: target.profile, syncProfiles: [sourceProfile] };
      expect([400, 403]).toContain((await caller.post('/secrets', sync)).status);
      expect((await caller.get(`/secrets?profile=${sourceProfile}`)).body.items).toEqual([]);
    }
    expect(await caller.get(`/secrets?profile=${source.profile}&name=by-id`)).toMatchObject({ status: 404 });
    expect((await caller.post('/secrets', { ...body, sourceProfile: target.profile })).status).toBe(201);
  });

  it('lets a replica be read only where it is granted', async () => {
    const { id } = await stage.secret({ source, targets: [target] });
    const atTarget = await stage.allowed({
      [`${target.profile}/data/*`]: ['read'],
      [`claviger/secrets/${target.profile}/*`]: ['read', 'list'],
    });
    expect((await atTarget.get(`/secrets/${id}/content`)).status).toBe(404);
    expect((await atTarget.get(`/secrets/${id}`)).status).toBe(404);
  });
});
