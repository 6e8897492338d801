import { eventually, startOpenBao, type OpenBaoPeer } from '@claviger/testing';
import { Client } from 'pg';
import { createInstallation, type Installation } from './installation.js';
import { cpuSeconds } from './process-cost.js';
import { inParallel, RestClient } from './rest-client.js';

export const REPLICATED_SECRETS = 2_000;
export const MOUNTS = ['source', 'two', 'one'] as const;
export const DRAIN_WITHIN_MS = 300_000;
const SEED_CONCURRENCY = 16;

/** Secrets on a KV v2 mount of a real OpenBao, replicated to a KV v2 and a KV v1 mount; nothing of Claviger runs. */
export type Scene = {
  readonly openBao: OpenBaoPeer;
  readonly database: Client;
  readonly installation: Installation;
  readonly ids: readonly string[];
  close(): Promise<void>;
};

/** Makes it, and waits until all copies are equal. `rules` makes what else there is. */
export async function createScene(
  rules: (client: RestClient) => Promise<void> = async () => undefined,
): Promise<Scene> {
  const openBao = await startOpenBao();
  const installation = await createInstallation();
  const database = new Client({ connectionString: installation.databaseUrl });
  const close = async (): Promise<void> => {
    await database.end();
    await installation.close();
    await openBao.close();
  };
  try {
    await openBao.mountKv('source', 2);
    await openBao.mountKv('two', 2);
    await openBao.mountKv('one', 1);
    await database.connect();
    return { openBao, database, installation, ids: await seed({ openBao, installation, database }, rules), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The api alone takes a change of each secret; changes in a second. */
export async function acceptAll({ installation, ids }: Scene): Promise<number> {
  const api = await installation.startApi();
  const client = new RestClient(api.address, installation.rootToken);
  const startedAt = performance.now();
  await inParallel(ids, SEED_CONCURRENCY, (id) => change(client, id));
  const perSecond = (ids.length * 1_000) / (performance.now() - startedAt);
  await client.close();
  await api.stop();
  return perSecond;
}

/** A worker brings what was accepted to both targets: secrets in a second, from the first copy on, and what that cost. */
export async function replicateAll({
  installation,
  database,
  ids,
}: Scene): Promise<{ readonly perSecond: number; readonly cpuSeconds: number }> {
  const worker = await installation.startWorker();
  await settled(database, 2 * ids.length);
  const cpu = cpuSeconds(worker.pid);
  await worker.stop();
  const { rows } = await database.query<{ count: number; seconds: number }>(
    `select count(*)::integer as count, extract(epoch from max(synced_at) - min(synced_at))::float8 as seconds from sync_target`,
  );
  const { count, seconds } = rows[0]!;
  return { perSecond: count / 2 / seconds, cpuSeconds: cpu };
}

async function seed(
  { installation, openBao, database }: Pick<Scene, 'installation' | 'openBao' | 'database'>,
  rules: (client: RestClient) => Promise<void>,
): Promise<string[]> {
  const api = await installation.startApi();
  const worker = await installation.startWorker();
  const client = new RestClient(api.address, installation.rootToken);
  const { address, rootToken } = openBao;
  await client.call('POST', '/vault-instances', {
    name: 'bao',
    kind: 'kv',
    config: { address },
    credentials: { type: 'token', token: rootToken },
  });
  for (const mount of MOUNTS) await client.call('POST', '/vault-profiles', { name: mount, instance: 'bao', mount });
  const names = Array.from(
    { length: REPLICATED_SECRETS },
    (_, number) => `team-${number % 10}/service-${number}/database`,
  );
  const ids = await inParallel(names, SEED_CONCURRENCY, async (name) => {
    const secret = {
      name,
      type: 'key-value',
      sourceProfile: 'source',
      syncProfiles: ['two', 'one'],
      content: contentOf(0),
    };
    return (await client.call<{ secret: { id: string } }>('POST', '/secrets', secret)).secret.id;
  });
  await settled(database, 2 * REPLICATED_SECRETS);
  await rules(client);
  await worker.stop();
  await api.stop();
  await client.close();
  return ids;
}

let serial = 0;

/** Another content for each number. */
const contentOf = (number: number): Record<string, unknown> => ({
  username: 'application',
  password: 'correct horse battery staple',
  serial: number,
});

/** A content that was not there before. */
export const nextContent = (): Record<string, unknown> => contentOf((serial += 1));

/** Changes the content of a secret to what it never was. */
export function change(client: RestClient, id: string): Promise<{ version: number }> {
  return client.call('PUT', `/secrets/${id}/content`, { content: nextContent() }, { 'if-match': '*' });
}

/** Resolves when so many targets are equal to what they should hold, and nothing is under way. */
export async function settled(database: Client, count: number): Promise<void> {
  await eventually(async () => {
    const { rows } = await database.query<{ count: number }>(
      `select count(*)::integer as count from sync_target
       where status = 'in_sync' and observed_version = desired_version and next_attempt_at is null`,
    );
    if (rows[0]!.count !== count) throw new Error(`${rows[0]!.count} of ${count} targets are in sync.`);
  }, DRAIN_WITHIN_MS);
}
