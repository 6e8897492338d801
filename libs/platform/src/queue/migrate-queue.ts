import {
  LATEST_SCHEMA_VERSION,
  assertSchemaCompatibility,
  runMigrations,
  SchemaMigrationRequiredError,
  SchemaVersionMismatchError,
} from 'bullmq';
import { Client, type Pool } from 'pg';
import { queueSchemaNewer, queueSchemaOlder } from './queue.errors.js';

/**
 * Brings the queue's tables (schema `bullmq`) to the state that this version needs: in one transaction, under BullMQ's own
 * advisory lock, so that several processes may do it at once. Not needed where the queue is in Redis.
 *
 * @throws AppError `QUEUE_SCHEMA_NEWER`
 */
export async function migrateQueue(databaseUrl: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await runMigrations(client);
  } catch (error) {
    throw error instanceof SchemaVersionMismatchError ? queueSchemaNewer(error) : error;
  } finally {
    await client.end();
  }
}

/** @throws AppError `QUEUE_SCHEMA_OLDER` (run the migrate command), `QUEUE_SCHEMA_NEWER` (use the newer Claviger) */
export async function assertQueueMigrated(pool: Pool): Promise<void> {
  const client = await pool.connect();
  try {
    if ((await assertSchemaCompatibility(client)) < LATEST_SCHEMA_VERSION) throw queueSchemaOlder();
  } catch (error) {
    if (error instanceof SchemaMigrationRequiredError) throw queueSchemaOlder();
    throw error instanceof SchemaVersionMismatchError ? queueSchemaNewer(error) : error;
  } finally {
    client.release();
  }
}
