import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  compilePolicies,
  isRootProtected,
  parsePolicy,
  visibleKeys,
  type NamedPolicy,
  type PolicyMatcher,
  type TemplateIdentity,
} from '@claviger/features/access';
import { findOpenBao, startOpenBao, type OpenBaoCall, type OpenBaoPeer } from '@claviger/testing';
import fc from 'fast-check';
import { ACCEPTANCE, randomCases, TABLE, type AclCase, type AclRequest, type PolicyDocument } from './acl-cases.js';

const FEWEST_TRIPLES = 300;
const RANDOM_SETS = 60;
const seed = Number(process.env['CLAVIGER_TEST_SEED'] ?? randomInt(2 ** 31));

/** The same policies here and there. */
type PolicySet = { readonly names: readonly string[]; readonly token: string; readonly matcher: PolicyMatcher };
type Disagreement = AclRequest & {
  readonly policies: readonly PolicyDocument[];
  readonly openBao: string;
  readonly claviger: string;
};

(findOpenBao() ? describe : describe.skip)('policies, beside a real OpenBao', () => {
  let bao: OpenBaoPeer;
  let sets = 0;

  beforeAll(async () => {
    bao = await startOpenBao();
    await bao.mountKv('k1', 1);
    await bao.mountKv('k2', 2);
  }, 60_000);
  afterAll(() => bao?.close());

  async function install(documents: readonly PolicyDocument[], identity?: TemplateIdentity): Promise<PolicySet> {
    const set = sets++;
    const policies: NamedPolicy[] = [];
    for (const [index, document] of documents.entries()) {
      const [name, text] = [`set-${set}-${index}`, JSON.stringify(document)];
      await bao.writePolicy(name, text);
      policies.push({ name, policy: parsePolicy(text) });
    }
    const names = policies.map(({ name }) => name);
    const token = await bao.createToken(names);
    return { names, token, matcher: compilePolicies(policies, { now: new Date(), ...(identity && { identity }) }) };
  }

  /** Makes the real request and says how it ended for its caller. Any answer but a refusal means that the ACL let it pass. */
  async function askOpenBao(token: string, request: AclRequest): Promise<string> {
    await prepare(request);
    const { status, body } = await bao.call({ token, ...httpOf(request) });
    if (status === 403 || isForbidden(status, body)) return 'refused';
    if (status >= 500) throw new Error(`OpenBao answered ${status} to ${request.operation} ${request.path}`);
    const isHeldBack = request.wrapTtlSeconds === undefined && (body as { wrap_info?: unknown })?.wrap_info;
    return isHeldBack ? 'refused' : 'allowed';
  }

  /** A write is `create` on an absent key and `update` on one that exists. */
  async function prepare({ path, operation }: AclRequest): Promise<void> {
    if (!path.startsWith('k1/') && !path.startsWith('k2/data/')) return;
    const target = encoded(path);
    if (operation === 'create') {
      const key = target.replace('k2/data/', 'k2/metadata/');
      await bao.must({ method: 'DELETE', path: key });
    }
    if (operation === 'update' || operation === 'patch')
      await bao.must({ method: 'POST', path: target, body: { data: { v: 1 } } });
  }

  function askClaviger(matcher: PolicyMatcher, request: AclRequest): string {
    const { path, operation, wrapTtlSeconds, parameters = {} } = request;
    const { allowed, capabilities } = matcher.match(path, operation, {
      parameters: operation === 'create' || operation === 'update' ? { ...bodyOf(request) } : parameters,
      ...(wrapTtlSeconds !== undefined && { wrapTtlSeconds }),
    });
    return allowed && (!isRootProtected(path) || capabilities.includes('sudo')) ? 'allowed' : 'refused';
  }

  async function compare(
    cases: readonly AclCase[],
  ): Promise<{ triples: number; disagreements: readonly Disagreement[] }> {
    const disagreements: Disagreement[] = [];
    let triples = 0;
    // Sets of policies one after another, because requests on the same key prepare it.
    for (const { policies, requests } of cases) {
      const { token, matcher } = await install(policies);
      for (const request of requests) {
        triples++;
        const openBao = await askOpenBao(token, request);
        const claviger = askClaviger(matcher, request);
        if (openBao !== claviger) disagreements.push({ ...request, policies, openBao, claviger });
      }
    }
    return { triples, disagreements };
  }

  it('answers every case of the table, and at least 300 in all, as OpenBao does', async () => {
    const { triples, disagreements } = await compare(TABLE);
    process.stdout.write(`acl: ${triples} (policies, path, operation) triples compared with OpenBao\n`);
    expect(disagreements).toEqual([]);
    expect(triples).toBeGreaterThanOrEqual(FEWEST_TRIPLES);
  }, 120_000);

  it('answers random policies and paths as OpenBao does', async () => {
    const cases = fc.sample(randomCases, { seed, numRuns: RANDOM_SETS });
    const { triples, disagreements } = await compare(cases);
    process.stdout.write(`acl: ${triples} random triples compared with OpenBao, CLAVIGER_TEST_SEED=${seed}\n`);
    expect(disagreements).toEqual([]);
  }, 120_000);

  it('resolves templated paths as OpenBao does for a token with an entity', async () => {
    const { entity, login } = await enrol('ada', { team: 'core', home: 'a/b', star: '*', plus: '+' });
    const names = ['id', 'name', 'metadata.team', 'metadata.absent', 'metadata.home', 'metadata.star', 'metadata.plus'];
    for (const name of names) {
      const document = {
        path: {
          [`k1/{{identity.entity.${name}}}`]: { capabilities: ['read'] },
          'k1/open': { capabilities: ['read'] },
        },
      };
      const { matcher, names: policies } = await install([document], { entity });
      const token = await login(policies);
      for (const value of [entity.id, 'ada', 'core', 'a/b', '*', '+', `{{identity.entity.${name}}}`, 'open', 'other']) {
        const request: AclRequest = { path: `k1/${value}`, operation: 'read' };
        const answer = await askOpenBao(token, request);
        expect({ name, value, answer: askClaviger(matcher, request) }).toEqual({ name, value, answer });
      }
    }
  });

  async function enrol(
    name: string,
    metadata: Readonly<Record<string, string>>,
  ): Promise<{
    readonly entity: NonNullable<TemplateIdentity['entity']>;
    readonly login: (policies: readonly string[]) => Promise<string>;
  }> {
    await bao.must({ method: 'POST', path: 'sys/auth/userpass', body: { type: 'userpass' } });
    const user = `auth/userpass/users/${name}`;
    const signIn = (): Promise<Readonly<Record<string, unknown>>> =>
      bao.must({ method: 'POST', path: `auth/userpass/login/${name}`, body: { password: 'of-a-test' } });
    await bao.must({ method: 'POST', path: user, body: { password: 'of-a-test' } });
    const { entity_id: id } = await signIn();
    await bao.must({ method: 'POST', path: `identity/entity/id/${String(id)}`, body: { name, metadata } });
    return {
      entity: { id: String(id), name, metadata },
      login: async (policies) => {
        await bao.must({
          method: 'POST',
          path: user,
          body: { token_policies: policies, token_no_default_policy: true },
        });
        return (await signIn())['client_token'] as string;
      },
    };
  }

  it('shows the same keys of a filtered list', async () => {
    for (const key of ['a', 'b', 'c', 'f/x', 'g/x']) {
      await bao.must({ method: 'POST', path: `k1/filtered/${key}`, body: { v: 1 } });
    }
    const { token, matcher } = await install([
      {
        path: {
          'k1/filtered': { capabilities: ['list'], list_scan_response_keys_filter_path: '{{ .path }}{{ .key }}' },
          'k1/filtered/a': { capabilities: ['read'] },
          'k1/filtered/b': { capabilities: ['list'] },
          'k1/filtered/f/': { capabilities: ['list'] },
          'k1/filtered/g/*': { capabilities: ['read'] },
        },
      },
    ]);
    const keys = async (as?: string): Promise<readonly string[]> =>
      (await bao.must({ path: 'k1/filtered?list=true', ...(as && { token: as }) }))['keys'] as readonly string[];
    const path = 'k1/filtered/';
    const shown = visibleKeys(matcher, matcher.match(path, 'list').rule, path, await keys());
    expect(shown).toEqual(await keys(token));
    expect(shown).toEqual(['a', 'f/']);
  });

  it.each(ACCEPTANCE)('the policy text with $because is $verdict', async ({ text, verdict }) => {
    const { status } = await bao.call({ method: 'PUT', path: 'sys/policies/acl/acceptance', body: { policy: text } });
    expect(status).toBe(verdict === 'refused by both' ? 400 : 204);
    const parse = (): unknown => parsePolicy(text);
    if (verdict === 'accepted by both') expect(parse).not.toThrow();
    else expect(parse).toThrow(/The policy is not valid at line/);
  });
});

/** How OpenBao answers all requests of a token whose templated policies hold an unsafe value. */
function isForbidden(status: number, body: unknown): boolean {
  return status === 400 && (body as { errors?: readonly unknown[] }).errors?.[0] === 'Forbidden';
}

function httpOf(request: AclRequest): OpenBaoCall {
  const { operation, parameters, wrapTtlSeconds } = request;
  const path = encoded(request.path);
  const headers: Readonly<Record<string, string>> =
    wrapTtlSeconds === undefined ? {} : { 'X-Vault-Wrap-TTL': String(wrapTtlSeconds) };
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters ?? {})) query.set(name, String(value));
  if (operation === 'list' || operation === 'scan') query.set(operation, 'true');
  const search = query.size > 0 ? `?${query}` : '';
  switch (operation) {
    case 'create':
    case 'update':
      return { method: 'POST', path, headers, body: bodyOf(request) };
    case 'patch':
      return { method: 'PATCH', path, headers, body: bodyOf(request) };
    case 'delete':
      return { method: 'DELETE', path, headers };
    default:
      return { method: 'GET', path: path + search, headers };
  }
}

function bodyOf({ path, parameters }: AclRequest): Readonly<Record<string, unknown>> {
  return parameters ?? (path.startsWith('k2/data/') ? { data: { v: 2 } } : { v: 2 });
}

function encoded(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}
