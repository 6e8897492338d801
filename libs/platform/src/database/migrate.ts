import { AppError } from '@claviger/kernel';
import type { DataSource } from 'typeorm';
import { MIGRATIONS } from './migrations/index.js';

const ADVISORY_LOCK = 0x436c6176; // "Clav"

/** The names of all migrations that this version of Claviger knows, oldest first. */
export const SCHEMA_NAMES: readonly string[] = MIGRATIONS.map(({ name }) => name);

/** The name of the newest migration that this version of Claviger knows. */
export const SCHEMA_VERSION: string = MIGRATIONS.at(-1)!.name;

/**
 * Applies pending migrations under an advisory lock, so that several processes may start at once.
 *
 * @returns how many were applied
 * @throws AppError `SCHEMA_NEWER` when the database was migrated by a newer Claviger
 */
export async function migrate(dataSource: DataSource): Promise<number> {
  const locker = dataSource.createQueryRunner();
  await locker.connect();
  await locker.query('select pg_advisory_lock($1)', [ADVISORY_LOCK]);
  try {
    await refuseNewerSchema(dataSource);
    const applied = await dataSource.runMigrations({ transaction: 'each' });
    return applied.length;
  } finally {
    await locker.query('select pg_advisory_unlock($1)', [ADVISORY_LOCK]);
    await locker.release();
  }
}

/**
 * Refuses to go on with a database that is not exactly at this version.
 *
 * @throws AppError `SCHEMA_OLDER` (run the migrate command), `SCHEMA_NEWER` (use the newer Claviger)
 */
export async function assertMigrated(dataSource: DataSource): Promise<void> {
  await refuseNewerSchema(dataSource);
  if (await dataSource.showMigrations())
    throw new AppError({
      code: 'SCHEMA_OLDER',
      kind: 'unavailable',
      message: 'The database has pending migrations. Run: npm run migrate',
      retryable: false,
    });
}

async function refuseNewerSchema(dataSource: DataSource): Promise<void> {
  const [table] = (await dataSource.query(`select to_regclass('migration') is not null as present`)) as {
    present: boolean;
  }[];
  if (!table?.present) return;
  const applied = (await dataSource.query('select name from migration')) as { name: string }[];
  const known = new Set(MIGRATIONS.map((migration) => migration.name));
  const unknown = applied.find((row) => !known.has(row.name));
  if (unknown)
    throw new AppError({
      code: 'SCHEMA_NEWER',
      kind: 'unavailable',
      message: `The database was migrated by a newer Claviger (${unknown.name}). Start that version, or restore the backup made before the upgrade.`,
      retryable: false,
    });
}
