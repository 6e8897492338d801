import type { DataSource } from 'typeorm';

/**
 * The statements that TypeORM would run to bring the schema to what the DataSource's entities say: none when entities
 * and migrations agree. Nothing is changed. Tables without an entity, and entities with `synchronize: false`, are not
 * looked at.
 */
export async function pendingSchemaChanges(dataSource: DataSource): Promise<string[]> {
  const log = await dataSource.driver.createSchemaBuilder().log();
  return log.upQueries.map(({ query }) => query);
}
