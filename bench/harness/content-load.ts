import { postgresPid, type ClavigerProcess } from './claviger-process.js';
import type { Side } from './contest.js';
import { cpuSeconds, treeCpuSeconds } from './process-cost.js';
import type { RaftOpenBao } from './raft-open-bao.js';
import { inParallel, RestClient } from './rest-client.js';

export const SECRETS = 1_000;
export const CONNECTIONS = 32;
const SEED_CONCURRENCY = 16;

export const CONTENT = {
  username: 'application',
  password: 'correct horse battery staple',
  host: 'db.internal.example',
  port: 5432,
} as const;
/** `@` is another number in each request, so that every write changes something. */
export const CHANGED = JSON.stringify({ ...CONTENT, serial: 0 }).replace('"serial":0', '"serial":@');

/** Names of the secrets that are read and written. */
export function names(): string[] {
  return Array.from({ length: SECRETS }, (_, number) => `team-${number % 10}/service-${number}/database`);
}

/** Fills a vault, many at a time. */
export function seed<T>(make: (name: string) => Promise<T>): Promise<T[]> {
  return inParallel(names(), SEED_CONCURRENCY, make);
}

/** What is read and written of a Claviger. */
export type Filled = { readonly paths: readonly string[]; readonly headers: Readonly<Record<string, string>> };

/** Fills a Claviger. `rules` makes what else there is. */
export async function fillClaviger(
  address: string,
  rootToken: string,
  rules: (client: RestClient) => Promise<void> = async () => undefined,
): Promise<Filled> {
  const client = new RestClient(address, rootToken);
  await client.call('POST', '/vault-instances', { name: 'local', kind: 'builtin', config: {}, credentials: {} });
  await client.call('POST', '/vault-profiles', { name: 'bench', instance: 'local', mount: 'bench' });
  const ids = await seed(async (name) => {
    const secret = { name, type: 'key-value', sourceProfile: 'bench', content: CONTENT };
    const made = await client.call<{ secret: { id: string } }>('POST', '/secrets', secret);
    return made.secret.id;
  });
  await rules(client);
  await client.close();
  return { paths: ids.map((id) => `/api/v1/secrets/${id}/content`), headers: client.headers };
}

/** How the content of a filled Claviger is read and written, at these addresses at the same time. */
export function loadsOf(filled: Filled, origins: readonly string[], seconds: number): Pick<Side, 'read' | 'write'> {
  const connections = CONNECTIONS / origins.length;
  const loads = origins.map((origin) => ({ origin, ...filled, connections, seconds }));
  const headers = { ...filled.headers, 'if-match': '*' };
  return {
    read: loads.map((load) => ({ ...load, method: 'GET' })),
    write: loads.map((load) => ({ ...load, method: 'PUT', headers, body: `{"content":${CHANGED}}` })),
  };
}

/** A standalone Claviger, filled, and how its content is read and written. `rules` makes what else there is. */
export async function prepareClaviger(
  { address, rootToken, pid }: ClavigerProcess,
  dataDir: string,
  seconds: number,
  rules?: (client: RestClient) => Promise<void>,
): Promise<Side> {
  const filled = await fillClaviger(address, rootToken, rules);
  const databasePid = postgresPid(dataDir);
  const cpu = (): ReturnType<Side['cpu']> => {
    const server = cpuSeconds(pid);
    return { server, all: server + treeCpuSeconds(databasePid) };
  };
  return { ...loadsOf(filled, [address], seconds), cpu };
}

/** The same of an OpenBao. */
export async function prepareOpenBao({ address, rootToken, pid, call }: RaftOpenBao, seconds: number): Promise<Side> {
  await seed((name) => call('POST', `kv/data/${name}`, { data: CONTENT }));
  const load = {
    origin: address,
    paths: names().map((name) => `/v1/kv/data/${name}`),
    headers: { 'x-vault-token': rootToken, 'content-type': 'application/json' },
    connections: CONNECTIONS,
    seconds,
  };
  return {
    read: [{ ...load, method: 'GET' }],
    write: [{ ...load, method: 'PUT', body: `{"data":${CHANGED}}` }],
    cpu: () => {
      const server = treeCpuSeconds(pid);
      return { server, all: server };
    },
  };
}
