import { Module } from '@nestjs/common';
import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { QueueModule } from '@claviger/platform/queue';
import { CHANGE_JOBS } from './change.jobs.js';
import { ChangeHandlers } from './change-handler.js';
import { ChangeRepository } from './change.repository.js';
import { ChangeService } from './change.service.js';

@Module({
  imports: [AccessModule, AuditModule, QueueModule.forFeature(...CHANGE_JOBS)],
  providers: [ChangeHandlers, ChangeRepository, ChangeService],
  exports: [ChangeHandlers, ChangeService],
})
export class ChangesModule {}
