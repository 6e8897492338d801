import { Module } from '@nestjs/common';
import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { ChangeHandlers } from './change-handler.js';
import { ChangeRepository } from './change.repository.js';
import { ChangeService } from './change.service.js';

@Module({
  imports: [AccessModule, AuditModule],
  providers: [ChangeHandlers, ChangeRepository, ChangeService],
  exports: [ChangeHandlers, ChangeService],
})
export class ChangesModule {}
