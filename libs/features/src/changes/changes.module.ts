import { Module } from '@nestjs/common';
import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { NotificationsModule } from '@claviger/features/notifications';
import { QueueModule } from '@claviger/platform/queue';
import { CHANGE_JOBS } from './change.jobs.js';
import { ChangeDigests } from './change-digest.js';
import { ChangeExecutor } from './change-executor.js';
import { ChangeGateSlot } from './change-gate.js';
import { ChangeHandlers } from './change-handler.js';
import { ChangeJudgeSlot } from './change-judge.js';
import { ChangeRepository } from './change.repository.js';
import { ChangeService } from './change.service.js';
import { ChangeTrail } from './change-trail.js';
import { HeldChanges } from './held-changes.js';

@Module({
  imports: [AccessModule, AuditModule, NotificationsModule, QueueModule.forFeature(...CHANGE_JOBS)],
  providers: [
    ChangeDigests,
    ChangeExecutor,
    ChangeGateSlot,
    ChangeHandlers,
    ChangeJudgeSlot,
    ChangeRepository,
    ChangeService,
    ChangeTrail,
    HeldChanges,
  ],
  exports: [ChangeGateSlot, ChangeHandlers, ChangeJudgeSlot, ChangeService, HeldChanges],
})
export class ChangesModule {}
