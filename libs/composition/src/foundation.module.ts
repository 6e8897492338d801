import { Global, Module, type DynamicModule } from '@nestjs/common';
import { CLOCK, systemClock } from '@claviger/kernel';
import { CONFIG, type Config } from '@claviger/platform/config';
import { Keyring, type RootKeys } from '@claviger/platform/crypto';
import { assertMigrated, Database, DatabaseModule } from '@claviger/platform/database';
import { QueueModule } from '@claviger/platform/queue';
import { ProcessModule, TelemetryModule, type Logger, type ProcessKind } from '@claviger/platform/telemetry';
import { DatabaseHealth } from './database-health.js';
import { KeyLearning } from './key-learning.js';
import { ENTITIES } from './entities.js';
import { LoginIssuersModule } from './login-issuers.module.js';
import { MetricsModule } from './metrics.module.js';
import { SendersModule } from './senders.module.js';
import { readCertificates } from './certificate-file.js';
import { TracingModule } from './tracing.module.js';
import { VaultKindsModule } from './vault-kinds.module.js';

export type FoundationOptions = {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly rootKeys: RootKeys;
  readonly logger: Logger;
  readonly kind: ProcessKind;
  readonly version: string;
};

@Global()
@Module({})
class KeyringModule {
  static forRoot(rootKeys: RootKeys): DynamicModule {
    const keyring = {
      provide: Keyring,
      inject: [Database],
      useFactory: async (database: Database) => {
        await assertMigrated(database.dataSource);
        return Keyring.open(database.pool, rootKeys);
      },
    };
    return { module: KeyringModule, providers: [keyring], exports: [keyring] };
  }
}

/**
 * What every process stands on: configuration, clock, logs, database, keys, queue, the registered kinds of vault, what
 * fetches the keys of login issuers and what sends notifications. The keys are opened only in a database of exactly this version (SCHEMA_OLDER, SCHEMA_NEWER).
 */
@Global()
@Module({})
export class FoundationModule {
  static forRoot(options: FoundationOptions): DynamicModule {
    const { config, databaseUrl, kind, version } = options;
    const applicationName = `claviger-${kind}`;
    const values = [
      { provide: CONFIG, useValue: config },
      { provide: CLOCK, useValue: systemClock },
    ];
    return {
      module: FoundationModule,
      imports: [
        TelemetryModule.forRoot(options.logger),
        DatabaseModule.forRoot({
          url: databaseUrl,
          poolSize: config.storage.databasePoolSize,
          entities: ENTITIES,
          applicationName,
        }),
        KeyringModule.forRoot(options.rootKeys),
        ProcessModule.forRoot({ kind, version }),
        QueueModule.forRoot({
          redisUrl: config.storage.redisUrl,
          redisCa: readCertificates('CLAVIGER_REDIS_CA_CERTIFICATES', config.storage.redisCaCertificates),
          databaseUrl,
          clientName: applicationName,
        }),
        LoginIssuersModule,
        MetricsModule.forRoot(kind),
        SendersModule,
        TracingModule.forRoot(kind),
        VaultKindsModule,
      ],
      providers: [...values, DatabaseHealth, KeyLearning],
      exports: values,
    };
  }
}
