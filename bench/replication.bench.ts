import { setTimeout as sleep } from 'node:timers/promises';
import { newId, SecretValue } from '@claviger/kernel';
import { eventually, type OpenBaoPeer } from '@claviger/testing';
import { createKvKind } from '@claviger/vaults/adapters/kv';
import type { AdapterCall, VaultAdapter } from '@claviger/vaults/contract';
import { createNetworkPolicy } from '@claviger/vaults/network';
import type { Client } from 'pg';
import type { Figure, PartReport } from './harness/figures.js';
import {
  acceptAll,
  change,
  createScene,
  DRAIN_WITHIN_MS,
  MOUNTS,
  nextContent,
  REPLICATED_SECRETS,
  replicateAll,
  settled,
  type Scene,
} from './harness/replication-load.js';
import { inParallel, RestClient } from './harness/rest-client.js';
import { percentile } from './harness/statistics.js';

/** Default of CLAVIGER_WORKER_CONCURRENCY. */
const WORKER_CONCURRENCY = 16;
const SINGLE_CHANGES = 100;
const SINGLE_PAUSE_MS = 50;
/** What a process asks each mount about itself when it starts. */
const STARTING_CALLS = 3;

type Mount = (typeof MOUNTS)[number];

/**
 * (b) Replication from a KV v2 mount to a KV v2 and a KV v1 mount of a real OpenBao: how fast changes of all secrets
 * reach both, compared with the bare adapter making the same calls; how many calls a change costs; how long the change of
 * one user takes.
 */
export async function run(): Promise<PartReport> {
  const scene = await createScene();
  try {
    const figures = [...(await changeAll(scene)), ...(await changeSingly(scene))];
    return {
      title: '(b) Replication',
      how: `${REPLICATED_SECRETS} secrets on a KV v2 mount, replicated to a KV v2 and a KV v1 mount of one OpenBao (in memory); api and worker as processes of their own, ${WORKER_CONCURRENCY} secrets at the same time; compared with the bare adapter making the same calls.`,
      figures,
    };
  } finally {
    await scene.close();
  }
}

/** The api takes all changes; only then the worker starts and brings them to the targets. */
async function changeAll(scene: Scene): Promise<Figure[]> {
  const { openBao, ids } = scene;
  const acceptedPerSecond = await acceptAll(scene);
  const before = await callCounts(openBao);
  const { perSecond, cpuSeconds: cpu } = await replicateAll(scene);
  const after = await callCounts(openBao);
  const calls = (mount: Mount): number => (after[mount] - before[mount]) / ids.length;
  const bare = await bareRate(openBao, ids.length);
  return [
    { name: 'changes accepted by the api', unit: '/s', ours: acceptedPerSecond },
    {
      name: 'changes replicated to both targets',
      unit: '/s',
      ours: perSecond,
      theirs: bare,
      goal: 'at least 0.8 ×',
      isMet: perSecond >= 0.8 * bare,
    },
    { name: 'CPU of the worker for a change', unit: 'µs', ours: (cpu * 1e6) / ids.length },
    ...(
      [
        ['source', 'source reads', 1],
        ['two', 'calls at the KV v2 target', 1.05],
        ['one', 'calls at the KV v1 target', 3],
      ] as const
    ).map(([mount, name, most]) => ({
      name: `${name} for a change`,
      unit: '',
      ours: calls(mount),
      goal: `at most ${most}`,
      isMet: calls(mount) <= most + STARTING_CALLS / ids.length,
    })),
  ];
}

async function changeSingly(scene: Scene): Promise<Figure[]> {
  const { database, installation } = scene;
  const api = await installation.startApi();
  const worker = await installation.startWorker();
  const client = new RestClient(api.address, installation.rootToken);
  try {
    await changesOf(scene, client, 10);
    const idle = await changesOf(scene, client, SINGLE_CHANGES);
    // All targets have to be looked at again, as after a restore: the sweep takes them up in its own lane.
    await database.query(
      `update sync_target set is_look_due = true, priority = 3, next_attempt_at = now() - interval '10 s'`,
    );
    const busy = await changesOf(scene, client, SINGLE_CHANGES);
    const { rows } = await database.query<{ left: number }>(
      `select count(*)::integer as left from sync_target where next_attempt_at <= now()`,
    );
    await settled(database, 2 * REPLICATED_SECRETS);
    const figure = (name: string, values: readonly number[], most: number): Figure => ({
      name,
      unit: 'ms',
      ours: percentile(values, 0.95),
      goal: `at most ${most} ms`,
      isMet: percentile(values, 0.95) <= most,
    });
    return [
      { name: 'one change at both targets, idle, p50', unit: 'ms', ours: percentile(idle, 0.5) },
      figure('one change at both targets, idle, p95', idle, 150),
      { name: 'one change at both targets, during a full sweep, p50', unit: 'ms', ours: percentile(busy, 0.5) },
      figure('one change at both targets, during a full sweep, p95', busy, 1_000),
      { name: 'targets left of the sweep at its end', unit: '', ours: rows[0]!.left },
    ];
  } finally {
    await worker.stop();
    await api.stop();
    await client.close();
  }
}

/** Milliseconds from sending a change to the moment at which its last target had it, one change after another. */
async function changesOf({ database, ids }: Scene, client: RestClient, count: number): Promise<number[]> {
  const taken: number[] = [];
  for (let number = 0; number < count; number++) {
    const id = ids[Math.floor((number * ids.length) / count)]!;
    const sentAt = Date.now();
    const { version } = await change(client, id);
    const syncedAt = await eventually(() => syncedAtOf(database, id, version), DRAIN_WITHIN_MS);
    taken.push(syncedAt - sentAt);
    await sleep(SINGLE_PAUSE_MS);
  }
  return taken;
}

/** When the last target got a version. @throws Error while one of them has not */
async function syncedAtOf(database: Client, id: string, version: number): Promise<number> {
  const { rows } = await database.query<{ synced: boolean; at: Date }>(
    `select bool_and(observed_version >= $2 and observed_presence = 'present') as synced, max(synced_at) as at
     from sync_target where secret_id = $1`,
    [id, version],
  );
  if (!rows[0]!.synced) throw new Error('A target does not have it yet.');
  return rows[0]!.at.getTime();
}

/** How many requests each mount has served so far, by OpenBao's own count. */
async function callCounts({ address, rootToken }: OpenBaoPeer): Promise<Record<Mount, number>> {
  const response = await fetch(`${address}/v1/sys/metrics?format=prometheus`, {
    headers: { 'x-vault-token': rootToken },
  });
  const text = await response.text();
  const count = (mount: Mount): number =>
    [...text.matchAll(new RegExp(`^vault_route_\\w+?_${mount}__count(?:\\{[^}]*\\})? (\\d+)`, 'gm'))].reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    );
  return { source: count('source'), two: count('two'), one: count('one') };
}

/** Secrets per second that the adapter alone brings to both mounts: the same calls, as many at the same time. */
async function bareRate({ address, rootToken }: OpenBaoPeer, count: number): Promise<number> {
  const kind = createKvKind({ installationId: newId(), networkPolicy: createNetworkPolicy() });
  const connection = kind.connect({
    storeId: newId(),
    id: newId(),
    name: 'bare',
    config: kind.configSchema.parse({ address }),
    credentials: new SecretValue(kind.credentialsSchema.parse({ type: 'token', token: rootToken })),
  });
  const open = (mount: Mount, flavour: string): VaultAdapter => connection.open({ mount, flavour });
  const [source, two, one] = [open('source', 'kv2'), open('two', 'kv2'), open('one', 'kv1')];
  const call = (): AdapterCall => ({ requestId: newId(), signal: new AbortController().signal });
  const names = Array.from({ length: count }, (_, number) => `bare/service-${number}`);
  const content = (): SecretValue => new SecretValue(JSON.stringify(nextContent()));
  await inParallel(names, WORKER_CONCURRENCY, async (name) => {
    await source.create(call(), name, content());
    await two.create(call(), name, content());
    await one.create(call(), name, content());
  });
  const replicate = async (name: string): Promise<void> => {
    const read = await source.read(call(), name);
    await Promise.all([
      two.put(call(), name, read.content, { expectedVersion: '1' }),
      one.read(call(), name).then(async () => {
        await one.put(call(), name, content());
        await one.read(call(), name);
      }),
    ]);
  };
  const startedAt = performance.now();
  await inParallel(names, WORKER_CONCURRENCY, replicate);
  const seconds = (performance.now() - startedAt) / 1_000;
  await connection.close();
  return count / seconds;
}
