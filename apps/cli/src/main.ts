import { migrateAll } from '@claviger/composition';
import { isAppError, systemClock } from '@claviger/kernel';
import { loadConfig, type Config } from '@claviger/platform/config';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { join } from 'node:path';
import { runAccess } from './access.js';
import { openApplication } from './application.js';
import { runAudit } from './audit.js';
import { runKeys } from './keys.js';
import { runReport } from './report.js';
import { openStoredData, type StoredData } from './stored-data.js';

const out = (line: string): void => console.log(line);
const closers: (() => Promise<void>)[] = [];

/** Opens the data once, and leaves closing it to the end. */
async function open(config: Config, needsKey: boolean): Promise<StoredData> {
  const data = await openStoredData(config, { needsKey });
  closers.push(() => data.close());
  return data;
}

async function migrate(config: Config): Promise<number> {
  const { config: complete } = await open(config, false);
  const applied = await migrateAll(complete.storage.databaseUrl!, complete.storage.redisUrl);
  out(applied === 0 ? 'The database is up to date.' : `Applied ${applied} migrations.`);
  return 0;
}

function audit(config: Config, argv: readonly string[]): Promise<number> {
  return runAudit(argv, {
    open: async () => {
      const { config: complete } = await open(config, true);
      const app = await openApplication(complete);
      closers.push(() => app.close());
      return { database: app.get(Database), keyring: app.get(Keyring) };
    },
    anchorFile: config.security.auditAnchorFile ?? join(config.storage.dataDir, 'audit-anchors'),
    exportDirectory: config.retention.exportDir ?? join(config.storage.dataDir, 'exports'),
    clock: systemClock,
    out,
  });
}

async function run(name: string | undefined, argv: readonly string[]): Promise<number> {
  // Where it is used there may be no configuration, nor any data.
  if (name === 'report') return runReport(argv, out);
  const config = loadConfig(process.env);
  if (name === 'migrate') return migrate(config);
  if (name === 'access') return runAccess(argv, () => open(config, true), out);
  if (name === 'audit') return audit(config, argv);
  if (name === 'keys') {
    return runKeys(argv, {
      open: () => open(config, true),
      isRootKeyGiven: config.security.rootKey !== undefined,
      isAlone: config.storage.databaseUrl === undefined,
      out,
    });
  }
  out('Commands: migrate, access, audit, keys, report');
  return 2;
}

let exitCode: number;
try {
  exitCode = await run(process.argv[2], process.argv.slice(3));
} catch (error) {
  console.error(
    isAppError(error) ? error.message : `The command ended because of a defect (${(error as Error).name}).`,
  );
  exitCode = 1;
}
for (const close of closers.reverse()) await close();
process.exit(exitCode);
