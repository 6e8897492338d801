import { DataSource, type DataSourceOptions, type MixedList, type EntitySchema } from 'typeorm';
import { MIGRATIONS } from './migrations/index.js';

export type DatabaseOptions = {
  readonly url: string;
  readonly poolSize: number;
  readonly entities: MixedList<Function | string | EntitySchema>;
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
};

/** TypeORM's options for Claviger's PostgreSQL. Schema changes come from migrations only. */
export function dataSourceOptions(options: DatabaseOptions): DataSourceOptions {
  return {
    type: 'postgres',
    url: options.url,
    entities: options.entities,
    migrations: MIGRATIONS,
    migrationsTableName: 'migration',
    migrationsTransactionMode: 'each',
    synchronize: false,
    logging: false,
    applicationName: options.applicationName,
    poolSize: options.poolSize,
    extra: { max: options.poolSize, connectionTimeoutMillis: 10_000, keepAlive: true },
  };
}

/** A DataSource that is not connected yet. */
export function createDataSource(options: DatabaseOptions): DataSource {
  return new DataSource(dataSourceOptions(options));
}
