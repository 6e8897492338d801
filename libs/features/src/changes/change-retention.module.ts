import { CLOCK, type Clock } from '@claviger/kernel';
import { AuditModule, AuditService, exportDirectoryMissing } from '@claviger/features/audit';
import { CONFIG, type Config } from '@claviger/platform/config';
import { Database } from '@claviger/platform/database';
import { QueueModule } from '@claviger/platform/queue';
import { Logger } from '@claviger/platform/telemetry';
import { Module } from '@nestjs/common';
import { RETAIN_CHANGES } from './change.jobs.js';
import { ChangeRetention } from './change-retention.js';

type Parts = [Database, AuditService, Clock, Logger, Config];

const retention = {
  provide: ChangeRetention,
  inject: [Database, AuditService, CLOCK, Logger, CONFIG],
  useFactory: (...[database, audit, clock, logger, config]: Parts): ChangeRetention | undefined => {
    const { changeDays: retentionDays, exportDir: directory } = config.retention;
    if (retentionDays === undefined) return undefined;
    if (directory === undefined) throw exportDirectoryMissing();
    return new ChangeRetention({ database, audit, clock, logger, directory, retentionDays });
  },
};

/** Removes changes that ended long ago. For workers; `ChangeRetention` is undefined where they are kept for ever. */
@Module({
  imports: [AuditModule, QueueModule.forFeature(RETAIN_CHANGES)],
  providers: [retention],
  exports: [ChangeRetention],
})
export class ChangeRetentionModule {}
