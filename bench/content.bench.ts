import { setTimeout as sleep } from 'node:timers/promises';
import { newDataDir, postgresPid, startClaviger, type ClavigerProcess } from './harness/claviger-process.js';
import type { Figure, PartReport } from './harness/figures.js';
import { generateLoad, GENERATOR, type Load, type LoadResult } from './harness/load.js';
import { cpuSeconds, treeCpuSeconds } from './harness/process-cost.js';
import { startRaftOpenBao, type RaftOpenBao } from './harness/raft-open-bao.js';
import { inParallel, RestClient } from './harness/rest-client.js';
import { median } from './harness/statistics.js';

const SECRETS = 1_000;
const CONNECTIONS = 32;
const ROUNDS = 5;
const WARM_UP_SECONDS = 8;
const PAUSE_MS = 4_000;
const SEED_CONCURRENCY = 16;

const CONTENT = {
  username: 'application',
  password: 'correct horse battery staple',
  host: 'db.internal.example',
  port: 5432,
} as const;
/** `@` is another number in each request, so that every write changes something. */
const CHANGED = JSON.stringify({ ...CONTENT, serial: 0 }).replace('"serial":0', '"serial":@');

/** Both servers, filled with the same secrets, and how to read and write one in each. */
type Contest = { readonly ours: Side; readonly theirs: Side };

type Side = {
  readonly read: Load;
  readonly write: Load;
  /** CPU seconds used so far by all its processes, and by the one that answers. */
  readonly cpu: () => { readonly all: number; readonly server: number };
};

type Round = LoadResult & { readonly cpuMicroseconds: number; readonly serverCpuMicroseconds: number };

/**
 * (a) Reading and writing content: Claviger's REST API on the built-in vault (audit durable, fsync on) against OpenBao's
 * KV v2 on raft storage with a file audit device.
 */
export async function run({ seconds }: { readonly seconds: number }): Promise<PartReport> {
  const dataDir = newDataDir();
  let claviger: ClavigerProcess | undefined;
  let openBao: RaftOpenBao | undefined;
  try {
    claviger = await startClaviger(dataDir.path);
    openBao = await startRaftOpenBao();
    const contest = {
      ours: await prepareClaviger(claviger, postgresPid(dataDir.path), seconds),
      theirs: await prepareOpenBao(openBao, seconds),
    };
    return {
      title: '(a) Reading and writing content, one machine',
      how: `${SECRETS} secrets, ${CONNECTIONS} connections of ${GENERATOR}, ${ROUNDS} rounds of ${seconds} s each in turn after a pause of ${PAUSE_MS / 1_000} s, medians; compared with OpenBao KV v2 on raft.`,
      figures: await compete(contest),
    };
  } finally {
    await claviger?.stop();
    await openBao?.stop();
    dataDir.remove();
  }
}

async function compete({ ours, theirs }: Contest): Promise<Figure[]> {
  const rounds = { read: { ours: [], theirs: [] }, write: { ours: [], theirs: [] } } as Record<
    'read' | 'write',
    Record<'ours' | 'theirs', Round[]>
  >;
  for (const side of [ours, theirs])
    for (const kind of ['read', 'write'] as const) await generateLoad({ ...side[kind], seconds: WARM_UP_SECONDS });
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of ['read', 'write'] as const) {
      rounds[kind].ours.push(await measure(ours, kind));
      rounds[kind].theirs.push(await measure(theirs, kind));
    }
  }
  return [...figuresOf('read', rounds.read, 4, 2.4), ...figuresOf('write', rounds.write, 3, 2)];
}

/** After a pause, so that what the other side still has to do (flush, seal, collect) is not measured as this side's. */
async function measure(side: Side, kind: 'read' | 'write'): Promise<Round> {
  await sleep(PAUSE_MS);
  const before = side.cpu();
  const result = await generateLoad(side[kind]);
  const after = side.cpu();
  return {
    ...result,
    cpuMicroseconds: ((after.all - before.all) * 1e6) / result.requests,
    serverCpuMicroseconds: ((after.server - before.server) * 1e6) / result.requests,
  };
}

function figuresOf(
  kind: string,
  rounds: Record<'ours' | 'theirs', readonly Round[]>,
  goal: number,
  atLeast: number,
): Figure[] {
  const both = (of: (round: Round) => number): { ours: number; theirs: number } => ({
    ours: median(rounds.ours.map(of)),
    theirs: median(rounds.theirs.map(of)),
  });
  const rate = both((round) => round.perSecond);
  const p99 = both((round) => round.p99Ms);
  return [
    {
      name: `${kind}s`,
      unit: '/s',
      ...rate,
      goal: `${goal} × (never below ${atLeast} ×)`,
      isMet: rate.ours >= goal * rate.theirs,
    },
    { name: `${kind} p50`, unit: 'ms', ...both((round) => round.p50Ms) },
    { name: `${kind} p99`, unit: 'ms', ...p99, goal: 'lower', isMet: p99.ours < p99.theirs },
    { name: `${kind} CPU, all processes`, unit: 'µs', ...both((round) => round.cpuMicroseconds) },
    { name: `${kind} CPU, Node alone`, unit: 'µs', ours: both((round) => round.serverCpuMicroseconds).ours },
  ];
}

async function prepareClaviger(
  { address, rootToken, pid }: ClavigerProcess,
  databasePid: number,
  seconds: number,
): Promise<Side> {
  const client = new RestClient(address, rootToken);
  await client.call('POST', '/vault-instances', { name: 'local', kind: 'builtin', config: {}, credentials: {} });
  await client.call('POST', '/vault-profiles', { name: 'bench', instance: 'local', mount: 'bench' });
  const ids = await inParallel(names(), SEED_CONCURRENCY, async (name) => {
    const secret = { name, type: 'key-value', sourceProfile: 'bench', content: CONTENT };
    const made = await client.call<{ secret: { id: string } }>('POST', '/secrets', secret);
    return made.secret.id;
  });
  await client.close();
  const load = {
    origin: address,
    paths: ids.map((id) => `/api/v1/secrets/${id}/content`),
    headers: client.headers,
    connections: CONNECTIONS,
    seconds,
  };
  return {
    read: { ...load, method: 'GET' },
    write: { ...load, method: 'PUT', headers: { ...load.headers, 'if-match': '*' }, body: `{"content":${CHANGED}}` },
    cpu: () => {
      const server = cpuSeconds(pid);
      return { server, all: server + treeCpuSeconds(databasePid) };
    },
  };
}

async function prepareOpenBao({ address, rootToken, pid, call }: RaftOpenBao, seconds: number): Promise<Side> {
  await inParallel(names(), SEED_CONCURRENCY, (name) => call('POST', `kv/data/${name}`, { data: CONTENT }));
  const load = {
    origin: address,
    paths: names().map((name) => `/v1/kv/data/${name}`),
    headers: { 'x-vault-token': rootToken, 'content-type': 'application/json' },
    connections: CONNECTIONS,
    seconds,
  };
  return {
    read: { ...load, method: 'GET' },
    write: { ...load, method: 'PUT', body: `{"data":${CHANGED}}` },
    cpu: () => {
      const server = treeCpuSeconds(pid);
      return { server, all: server };
    },
  };
}

function names(): string[] {
  return Array.from({ length: SECRETS }, (_, number) => `team-${number % 10}/service-${number}/database`);
}
