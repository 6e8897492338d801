import { postgresPid, type ClavigerProcess } from './claviger-process.js';
import type { Side } from './contest.js';
import { cpuSeconds, treeCpuSeconds } from './process-cost.js';
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

/** A standalone Claviger, filled, and how its content is read and written. `rules` makes what else there is. */
export async function prepareClaviger(
  { address, rootToken, pid }: ClavigerProcess,
  dataDir: string,
  seconds: number,
  rules: (client: RestClient) => Promise<void> = async () => undefined,
): Promise<Side> {
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
  const load = {
    origin: address,
    paths: ids.map((id) => `/api/v1/secrets/${id}/content`),
    headers: client.headers,
    connections: CONNECTIONS,
    seconds,
  };
  const databasePid = postgresPid(dataDir);
  return {
    read: { ...load, method: 'GET' },
    write: { ...load, method: 'PUT', headers: { ...load.headers, 'if-match': '*' }, body: `{"content":${CHANGED}}` },
    cpu: () => {
      const server = cpuSeconds(pid);
      return { server, all: server + treeCpuSeconds(databasePid) };
    },
  };
}
