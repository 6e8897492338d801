import { newId, systemClock, systemContext, type RequestContext } from '@claviger/kernel';
import {
  AUDIT_ENTITIES,
  AuditService,
  keysOfStore,
  readAuditChain,
  Sealer,
  verifyAudit,
} from '@claviger/features/audit';
import { Keyring, RootKey } from '@claviger/platform/crypto';
import { createDataSource, Database, migrate } from '@claviger/platform/database';
import { Client } from 'pg';

const CALLERS = 64;
const WARM_UP_MS = 1_500;
const MEASURE_MS = 4_000;
const SEAL_EVERY_MS = 200;

/**
 * What an audit entry costs: entries per second through the group commit with 64 callers, and CPU per entry in this
 * process, alone and with the sealer running beside; and how fast a backlog is sealed and a log verified.
 *
 * @param serverUrl PostgreSQL in which a database may be created; it is dropped at the end
 */
export async function run(serverUrl: string): Promise<Record<string, number>> {
  const name = `claviger_bench_${newId().replaceAll('-', '')}`;
  await administer(serverUrl, `create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const dataSource = createDataSource({
    url: url.href,
    poolSize: 12,
    entities: AUDIT_ENTITIES,
    applicationName: 'claviger-bench',
  });
  try {
    await dataSource.initialize();
    await migrate(dataSource);
    const database = new Database(dataSource);
    const keyring = await Keyring.open(database.pool, RootKey.fromText(RootKey.generateText()));
    const audit = new AuditService(database, keyring, systemClock);
    const sealer = new Sealer({ database, keyring, clock: systemClock });
    const ctx = readerContext(keyring.rootStoreId);
    const making = measureMaking(audit, ctx);
    await commitFor(audit, ctx, WARM_UP_MS);
    const alone = await measureCommits(audit, ctx);
    const backlog = await measureSealing(sealer, await countEntries(database));
    const stop = new AbortController();
    const sealing = sealUntil(sealer, stop.signal);
    const sealed = await measureCommits(audit, ctx);
    stop.abort();
    await sealing;
    await sealer.sealAll();
    const verified = await measureVerifying(database, keyring);
    return { makingMicroseconds: making, ...alone, ...backlog, ...prefixed('sealing', sealed), ...verified };
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
    await administer(serverUrl, `drop database if exists ${name} with (force)`);
  }
}

async function measureCommits(audit: AuditService, ctx: RequestContext): Promise<Record<string, number>> {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const latencies = await commitFor(audit, ctx, MEASURE_MS);
  const seconds = (performance.now() - startedAt) / 1000;
  const used = process.cpuUsage(cpu);
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => round(latencies[Math.floor(latencies.length * share)]!);
  return {
    entriesPerSecond: Math.round(latencies.length / seconds),
    cpuMicrosecondsPerEntry: round((used.user + used.system) / latencies.length),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  };
}

async function countEntries(database: Database): Promise<number> {
  const { rows } = await database.pool.query<{ count: number }>('select count(*)::int as count from audit_entry');
  return rows[0]!.count;
}

async function measureSealing(sealer: Sealer, entries: number): Promise<Record<string, number>> {
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await sealer.sealAll();
  const used = process.cpuUsage(cpu);
  return {
    sealedPerSecond: Math.round((entries * 1000) / (performance.now() - startedAt)),
    sealCpuMicrosecondsPerEntry: round((used.user + used.system) / entries),
  };
}

async function measureVerifying(database: Database, keyring: Keyring): Promise<Record<string, number>> {
  const storeId = keyring.rootStoreId;
  const startedAt = performance.now();
  const report = await verifyAudit({
    records: readAuditChain({ database, keyring, clock: systemClock }, storeId),
    keys: keysOfStore(keyring, storeId),
  });
  if (!report.isIntact) throw new Error('The log of the benchmark is not intact.');
  return { verifiedPerSecond: Math.round((report.sealedEntries * 1000) / (performance.now() - startedAt)) };
}

async function sealUntil(sealer: Sealer, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sealer.sealAll();
    await systemClock.sleep(SEAL_EVERY_MS, signal).catch(() => undefined);
  }
}

function prefixed(prefix: string, figures: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(figures).map(([name, figure]) => [`${prefix}${name[0]!.toUpperCase()}${name.slice(1)}`, figure]),
  );
}

async function commitFor(audit: AuditService, ctx: RequestContext, ms: number): Promise<number[]> {
  const latencies: number[] = [];
  const endsAt = performance.now() + ms;
  const caller = async (): Promise<void> => {
    for (let startedAt = performance.now(); startedAt < endsAt;) {
      await audit.commit(ctx, audit.entry(ctx, READ));
      const now = performance.now();
      latencies.push(now - startedAt);
      startedAt = now;
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return latencies;
}

function measureMaking(audit: AuditService, ctx: RequestContext): number {
  const count = 50_000;
  for (let i = 0; i < count; i += 1) audit.entry(ctx, READ);
  const startedAt = performance.now();
  for (let i = 0; i < count; i += 1) audit.entry(ctx, READ);
  return round(((performance.now() - startedAt) * 1000) / count);
}

const READ = {
  action: 'secret.read',
  outcome: 'allowed',
  resource: { kind: 'secret', id: newId(), name: 'team-a/payments/database/password' },
  details: { version: 3, profile: 'production' },
} as const;

function readerContext(storeId: string): RequestContext {
  const base = systemContext({ requestId: newId(), storeId, job: 'bench' });
  const actor = {
    ...base.actor,
    type: 'token',
    id: newId(),
    accessor: newId(),
    displayName: 'payments-api',
    rootId: newId(),
  } as const;
  return { ...base, actor, remoteAddress: '10.1.2.3' };
}

const round = (value: number): number => Math.round(value * 100) / 100;

async function administer(url: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
