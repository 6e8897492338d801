import { createDataSource, migrate } from '@claviger/platform/database';
import { migrateQueue } from '@claviger/platform/queue';

/**
 * Brings a database to what this version needs: Claviger's own tables, and the queue's unless the queue is in Redis.
 * Several processes may do it at once.
 * @returns how many of Claviger's migrations were applied
 */
export async function migrateAll(databaseUrl: string, redisUrl: string | undefined): Promise<number> {
  const dataSource = createDataSource({
    url: databaseUrl,
    poolSize: 2,
    entities: [],
    applicationName: 'claviger-migrate',
  });
  await dataSource.initialize();
  try {
    const applied = await migrate(dataSource);
    if (redisUrl === undefined) await migrateQueue(databaseUrl);
    return applied;
  } finally {
    await dataSource.destroy();
  }
}
