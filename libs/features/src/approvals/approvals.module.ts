import { Module } from '@nestjs/common';
import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { ChangeGateSlot, ChangeHandlers, ChangesModule } from '@claviger/features/changes';
import { NotificationsModule } from '@claviger/features/notifications';
import { PrincipalsModule } from '@claviger/features/principals';
import { VaultProfilesModule } from '@claviger/features/vault-profiles';
import { QueueModule } from '@claviger/platform/queue';
import { ApprovalDirectory } from './approval-directory.js';
import { ApprovalGate } from './approval-gate.js';
import { APPROVAL_JOBS } from './approval.jobs.js';
import { ApprovalProfileHandlers, ApprovalProfileKeeper } from './approval-profile.handlers.js';
import { ApprovalProfileRepository } from './approval-profile.repository.js';
import { ApprovalProfileService } from './approval-profile.service.js';
import { ApprovalQueue } from './approval-queue.js';
import { ApprovalRepository } from './approval.repository.js';
import { ApprovalService } from './approval.service.js';
import { BreakGlassService } from './break-glass.service.js';
import { Decidability } from './decidability.js';
import { DelegationRepository } from './delegation.repository.js';
import { DelegationService } from './delegation.service.js';
import { Electorate } from './electorate.js';
import { VotingService } from './voting.service.js';

/** Approval profiles, the queue, and the gate that every change passes. No process works without it. */
@Module({
  imports: [
    AccessModule,
    AuditModule,
    ChangesModule,
    NotificationsModule,
    PrincipalsModule,
    VaultProfilesModule,
    QueueModule.forFeature(...APPROVAL_JOBS),
  ],
  providers: [
    ApprovalDirectory,
    ApprovalGate,
    ApprovalProfileHandlers,
    ApprovalProfileKeeper,
    ApprovalProfileRepository,
    ApprovalProfileService,
    ApprovalQueue,
    ApprovalRepository,
    ApprovalService,
    BreakGlassService,
    Decidability,
    DelegationRepository,
    DelegationService,
    Electorate,
    VotingService,
  ],
  exports: [ApprovalProfileService, ApprovalService, BreakGlassService, DelegationService, VotingService],
})
export class ApprovalsModule {
  constructor(
    slot: ChangeGateSlot,
    gate: ApprovalGate,
    changes: ChangeHandlers,
    handlers: ApprovalProfileHandlers,
    keeper: ApprovalProfileKeeper,
  ) {
    slot.set(gate);
    for (const handler of handlers.all) changes.add(handler);
    changes.addKeeper(keeper);
  }
}
