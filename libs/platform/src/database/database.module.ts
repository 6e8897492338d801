import { HealthRegistry } from '@claviger/platform/telemetry';
import { Global, Injectable, Module, type DynamicModule, type OnModuleInit } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { dataSourceOptions, type DatabaseOptions } from './data-source.js';
import { Database } from './database.js';

/** Without its database a process is of no use. */
@Injectable()
class DatabaseHealth implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly health: HealthRegistry,
  ) {}

  onModuleInit(): void {
    this.health.register({ name: 'database', check: () => this.database.pool.query('select 1') });
  }
}

/** Gives every feature the {@link Database}. */
@Global()
@Module({})
export class DatabaseModule {
  static forRoot(options: DatabaseOptions): DynamicModule {
    return {
      module: DatabaseModule,
      imports: [TypeOrmModule.forRoot({ ...dataSourceOptions(options), retryAttempts: 0 })],
      providers: [
        { provide: Database, inject: [DataSource], useFactory: (source: DataSource) => new Database(source) },
        DatabaseHealth,
      ],
      exports: [Database],
    };
  }
}
