import type { Database } from '@claviger/platform/database';

const DAYS_AHEAD = 2;
const MS_PER_DAY = 86_400_000;
const LOCK_TIMEOUT = '5s';

/**
 * Makes the partitions of today and the next two days. Rows of a day without one go to the default partition, so
 * nothing breaks where this does not run.
 *
 * @returns how many were made
 */
export async function makeAuditPartitions(database: Database, now: Date): Promise<number> {
  const client = await database.pool.connect();
  let isBroken = true;
  try {
    await client.query('begin');
    // Attaching waits for readers of the default partition, and new readers would wait behind it.
    await client.query(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
    const { rows } = await client.query<{ made: number }>('select audit_make_partitions($1, $2) as made', [
      day(now.getTime()),
      day(now.getTime() + DAYS_AHEAD * MS_PER_DAY),
    ]);
    await client.query('commit');
    isBroken = false;
    return rows[0]!.made;
  } finally {
    client.release(isBroken);
  }
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
