import { QueueModule } from '@claviger/platform/queue';
import { Module } from '@nestjs/common';
import { AuditPartitions } from './audit-partitions.js';
import { AuditReader } from './audit-reader.js';
import { AuditSearchIndex } from './audit-search-index.js';
import { MAINTAIN_AUDIT } from './audit.jobs.js';
import { AuditService } from './audit.service.js';

/** Writing and reading the audit log. Not global, so that at shutdown it is done before the database closes. */
@Module({
  imports: [QueueModule.forFeature(MAINTAIN_AUDIT)],
  providers: [AuditPartitions, AuditReader, AuditSearchIndex, AuditService],
  exports: [AuditPartitions, AuditReader, AuditSearchIndex, AuditService],
})
export class AuditModule {}
