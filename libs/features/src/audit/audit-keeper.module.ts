import { CLOCK, type Clock } from '@claviger/kernel';
import { CONFIG, type Config } from '@claviger/platform/config';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { Logger } from '@claviger/platform/telemetry';
import { Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { AnchorFile } from './anchor-file.js';
import { AuditKeeper } from './audit-keeper.js';
import { SealAnchors } from './seal-anchors.js';
import { Sealer } from './sealer.js';

/** Seals the log in the background. For workers; any number of them may. */
@Module({
  providers: [
    {
      provide: AuditKeeper,
      inject: [Database, Keyring, CLOCK, Logger, CONFIG],
      useFactory: (database: Database, keyring: Keyring, clock: Clock, logger: Logger, config: Config) => {
        const path = config.security.auditAnchorFile;
        const anchors = path === undefined ? undefined : new SealAnchors(new AnchorFile(path), database, logger);
        const sealer = new Sealer({ database, keyring, clock, ...(anchors && { anchors }) });
        return new AuditKeeper({ sealer, clock, logger });
      },
    },
  ],
})
export class AuditKeeperModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(private readonly keeper: AuditKeeper) {}

  onApplicationBootstrap(): void {
    this.keeper.start();
  }

  onApplicationShutdown(): Promise<void> {
    return this.keeper.stop();
  }
}
