import { Module } from '@nestjs/common';
import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { PlansModule } from '@claviger/features/plans';
import { SecretsModule } from '@claviger/features/secrets';
import { QueueModule } from '@claviger/platform/queue';
import { IMPORT_JOBS } from './import.jobs.js';
import { ImportRepository } from './import.repository.js';
import { ImportScanner } from './import-scanner.js';
import { ImportService } from './import.service.js';

@Module({
  imports: [AccessModule, AuditModule, PlansModule, SecretsModule, QueueModule.forFeature(...IMPORT_JOBS)],
  providers: [ImportRepository, ImportScanner, ImportService],
  exports: [ImportScanner, ImportService],
})
export class ImportsModule {}
