import { systemClock } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { Global, Module, type DynamicModule } from '@nestjs/common';
import { HealthRegistry } from './health-registry.js';
import { Logger } from './logger.js';
import { ProcessRegistry, type ProcessIdentity } from './process-registry.js';

/** Gives everything the {@link Logger} (made before Nest, so that it is there when Nest fails) and the {@link HealthRegistry}. */
@Global()
@Module({})
export class TelemetryModule {
  static forRoot(logger: Logger): DynamicModule {
    return {
      module: TelemetryModule,
      providers: [
        { provide: Logger, useValue: logger },
        { provide: HealthRegistry, useFactory: () => new HealthRegistry(systemClock) },
      ],
      exports: [Logger, HealthRegistry],
    };
  }
}

/** Announces this process in the database and gives everything the {@link ProcessRegistry}. */
@Global()
@Module({})
export class ProcessModule {
  static forRoot(identity: ProcessIdentity): DynamicModule {
    const registry = {
      provide: ProcessRegistry,
      inject: [Database, Logger],
      useFactory: (database: Database, logger: Logger) => new ProcessRegistry(database, logger, identity),
    };
    return { module: ProcessModule, providers: [registry], exports: [ProcessRegistry] };
  }
}
