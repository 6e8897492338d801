import { CLOCK, type Clock } from '@claviger/kernel';
import { AuditModule, AuditService, exportDirectoryMissing } from '@claviger/features/audit';
import { CONFIG, type Config } from '@claviger/platform/config';
import { Database } from '@claviger/platform/database';
import { QueueModule } from '@claviger/platform/queue';
import { Logger } from '@claviger/platform/telemetry';
import { Module } from '@nestjs/common';
import { RETAIN_CHANGES } from './change.jobs.js';
import { ChangeHandlers } from './change-handler.js';
import { ChangeRetention } from './change-retention.js';
import { ChangesModule } from './changes.module.js';

type Parts = [Database, AuditService, Clock, Logger, Config, ChangeHandlers];

const retention = {
  provide: ChangeRetention,
  inject: [Database, AuditService, CLOCK, Logger, CONFIG, ChangeHandlers],
  useFactory: (...[database, audit, clock, logger, config, handlers]: Parts): ChangeRetention | undefined => {
    const { changeDays: retentionDays, exportDir: directory } = config.retention;
    if (retentionDays === undefined) return undefined;
    if (directory === undefined) throw exportDirectoryMissing();
    const historyKinds = (): string[] => handlers.historyKinds();
    return new ChangeRetention({ database, audit, clock, logger, directory, retentionDays, historyKinds });
  },
};

/** Removes changes that ended long ago. For workers; `ChangeRetention` is undefined where they are kept for ever. */
@Module({
  imports: [AuditModule, ChangesModule, QueueModule.forFeature(RETAIN_CHANGES)],
  providers: [retention],
  exports: [ChangeRetention],
})
export class ChangeRetentionModule {}
