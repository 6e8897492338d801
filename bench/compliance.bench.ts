import { Outbox } from '@claviger/features/notifications';
import { systemClock, systemContext, type RequestContext } from '@claviger/kernel';
import { loadConfig } from '@claviger/platform/config';
import { Keyring, RootKey } from '@claviger/platform/crypto';
import { createDataSource, Database, migrate } from '@claviger/platform/database';
import { ENTITIES } from '../libs/composition/src/entities.js';
import { compileProfile, ComplianceDirectory } from '../libs/features/src/compliance/compliance-directory.js';
import { ComplianceDue } from '../libs/features/src/compliance/compliance-due.js';
import { ComplianceProfileRepository } from '../libs/features/src/compliance/compliance-profile.repository.js';
import { ComplianceRecords } from '../libs/features/src/compliance/compliance-records.js';
import { evaluate } from '../libs/features/src/compliance/evaluation.policy.js';
import { BATCH, Evaluator } from '../libs/features/src/compliance/evaluator.js';
import { PACKS } from '../libs/features/src/compliance/packs/index.js';
import { SecretStates } from '../libs/features/src/compliance/secret-states.js';
import { startDatabaseServer } from './harness/database-server.js';
import type { Figure, PartReport } from './harness/figures.js';

const SECRETS = 10_000;
const RULES = 25;
const GOAL_SECONDS = 10;
const PROFILE = '01990000-0000-7000-8000-0000000000aa';
const PLACE = '01990000-0000-7000-8000-0000000000bb';

/** (e) How long it takes to judge 10,000 secrets by 25 rules and to record what was found. */
export async function run(): Promise<PartReport> {
  const server = await startDatabaseServer();
  const dataSource = createDataSource({
    url: server.url,
    poolSize: 12,
    entities: ENTITIES,
    applicationName: 'claviger-bench',
  });
  try {
    await dataSource.initialize();
    await migrate(dataSource);
    const database = new Database(dataSource);
    const keyring = await Keyring.open(database.pool, RootKey.fromText(RootKey.generateText()));
    const ctx = systemContext({ requestId: 'bench', storeId: keyring.rootStoreId, job: 'bench' });
    return {
      title: '(e) Compliance',
      how: `${SECRETS} secrets with two copies each, ${RULES} rules of the packs; in this process, against a PostgreSQL of its own, fsync on.`,
      figures: await measure(database, ctx),
    };
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
    await server.stop();
  }
}

async function measure(database: Database, ctx: RequestContext): Promise<Figure[]> {
  const profiles = new ComplianceProfileRepository(database);
  const directory = new ComplianceDirectory(database, profiles, systemClock);
  const states = new SecretStates(database);
  const [due, records] = [new ComplianceDue(database), new ComplianceRecords(database)];
  const outbox = new Outbox(database);
  const evaluator = new Evaluator(database, due, states, records, directory, outbox, loadConfig({}), systemClock);
  await fill(database, ctx, profiles);
  const ids = await database.transaction(ctx, (tx) => due.claim(tx, systemClock.now(), SECRETS));
  const all = async (): Promise<number> => {
    const startedAt = performance.now();
    for (let at = 0; at < ids.length; at += BATCH) await evaluator.look(ctx, ids.slice(at, at + BATCH));
    return (performance.now() - startedAt) / 1_000;
  };
  const first = await all();
  const again = await all();
  const [found] = (await database.dataSource.query('select count(*)::int as count from compliance_finding')) as [
    { count: number },
  ];
  return [
    {
      name: 'all judged and recorded for the first time',
      unit: 's',
      ours: first,
      goal: `at most ${GOAL_SECONDS} s`,
      isMet: first <= GOAL_SECONDS,
    },
    { name: 'all judged again, nothing has changed', unit: 's', ours: again },
    { name: 'broken rules found', unit: '', ours: found.count },
    { name: 'rules judged in memory', unit: '/s', ours: await judgedPerSecond(ctx, states, profiles, ids) },
  ];
}

async function judgedPerSecond(
  ctx: RequestContext,
  states: SecretStates,
  profiles: ComplianceProfileRepository,
  ids: readonly string[],
): Promise<number> {
  const loaded = await states.load(ctx, ids.slice(0, 1_000));
  const compiled = (await profiles.snapshot(ctx)).all.map(compileProfile);
  const now = new Date();
  const startedAt = performance.now();
  let rounds = 0;
  for (; performance.now() - startedAt < 1_000; rounds += 1)
    for (const secret of loaded) evaluate(secret, compiled, now);
  return Math.round((rounds * loaded.length * RULES) / ((performance.now() - startedAt) / 1_000));
}

/** Secrets of all types, some of them with every fault. */
async function fill(database: Database, ctx: RequestContext, profiles: ComplianceProfileRepository): Promise<void> {
  const createdBy = { id: 'bench', name: 'bench' };
  const rules = PACKS.flatMap((pack) => pack.rules.map((rule) => ({ ...rule, from: pack.name }))).slice(0, RULES);
  await profiles.insert(
    ctx,
    { id: PROFILE, name: 'bench' },
    { description: '', rules, vaultProfiles: [PLACE], labelSelectors: [], createdBy },
  );
  const query = (sql: string): Promise<unknown> => database.dataSource.query(sql);
  await query(`insert into vault_instance (store_id, id, name, kind, config, credentials)
    values ('${ctx.storeId}', '${PLACE}', 'inside', 'builtin', '{}', '')`);
  await query(`insert into vault_profile (store_id, id, name, instance_id, mount)
    select '${ctx.storeId}', case when n = 0 then '${PLACE}'::uuid else gen_random_uuid() end, 'place-' || n, '${PLACE}', 'm' || n
    from generate_series(0, 2) n`);
  await query(`insert into secret (store_id, id, name, type, state, source_profile_id, physical_name, current_version,
      current_fingerprint, labels, facts, expires_at, rotation_interval_seconds, rotation_due_at, created_by)
    select '${ctx.storeId}', gen_random_uuid(), 'secret-' || n,
      (array['basic-auth', 'api-key', 'jwt', 'private-key', 'secret-key', 'key-store', 'key-value', 'generic'])[n % 8 + 1],
      'active', '${PLACE}', 'secret-' || n, 1, 'f' || n / (1 + n % 2), jsonb_build_object('env', 'e' || n % 5),
      jsonb_build_object('fields', array['a', 'b'], 'fieldCount', 2, 'valueLength', (array['1-7', '16-23'])[n % 2 + 1],
        'strength', (array['low', 'fair', 'high'])[n % 3 + 1], 'expiresAt', '2027-01-01T00:00:00.000Z',
        'jwt', jsonb_build_object('algorithm', 'RS256', 'audiences', '[]'::jsonb),
        'privateKey', jsonb_build_object('algorithm', 'rsa', 'bits', 1024 * (n % 3 + 1), 'encrypted', n % 2 = 0)),
      now() + (n % 400 - 20) * interval '1 day', 86400 * (n % 500 + 1), now() + (n % 100 - 10) * interval '1 day', '{}'
    from generate_series(1, ${SECRETS}) n`);
  await query(`insert into secret_version (store_id, secret_id, number, fingerprint, profile_id, origin, change_id, created_by)
    select store_id, id, 1, current_fingerprint, source_profile_id, 'written', gen_random_uuid(), '{}' from secret`);
  await query(`insert into sync_target (store_id, secret_id, profile_id, physical_name, desired_version, desired_fingerprint,
      desired_presence, status, verified_at, verified_epoch)
    select s.store_id, s.id, p.id, s.name, 1, 'f', 'present', (array['in_sync', 'in_sync', 'missing'])[ascii(s.id::text) % 3 + 1],
      now() - interval '3 days', '1'
    from secret s join vault_profile p on p.name <> 'place-0'`);
  await query(`insert into compliance_state (store_id, secret_id, due_at) select store_id, id, now() from secret`);
  await query('analyze');
}
