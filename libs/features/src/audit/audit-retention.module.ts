import { CLOCK, type Clock } from '@claviger/kernel';
import { CONFIG, type Config } from '@claviger/platform/config';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { QueueModule } from '@claviger/platform/queue';
import { Logger } from '@claviger/platform/telemetry';
import { Module } from '@nestjs/common';
import { AuditExporter } from './audit-exporter.js';
import { AuditRetention } from './audit-retention.js';
import { exportDirectoryMissing } from './audit.errors.js';
import { RETAIN_AUDIT } from './audit.jobs.js';
import { AuditModule } from './audit.module.js';
import { AuditService } from './audit.service.js';

type Parts = [Database, Keyring, AuditService, Clock, Logger, Config];

const retention = {
  provide: AuditRetention,
  inject: [Database, Keyring, AuditService, CLOCK, Logger, CONFIG],
  useFactory: (...[database, keyring, audit, clock, logger, config]: Parts): AuditRetention | undefined => {
    const { auditDays: retentionDays, exportDir: directory } = config.retention;
    if (retentionDays === undefined) return undefined;
    if (directory === undefined) throw exportDirectoryMissing();
    const exporter = new AuditExporter({ database, keyring, clock, directory });
    return new AuditRetention({ database, audit, exporter, clock, logger, directory, retentionDays });
  },
};

/** Drops what is too old of the log. For workers; `AuditRetention` is undefined where entries are kept for ever. */
@Module({
  imports: [AuditModule, QueueModule.forFeature(RETAIN_AUDIT)],
  providers: [retention],
  exports: [AuditRetention],
})
export class AuditRetentionModule {}
