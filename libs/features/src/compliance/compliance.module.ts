import { Module } from '@nestjs/common';
import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { ChangeHandlers, ChangeJudgeSlot, ChangesModule } from '@claviger/features/changes';
import { NotificationsModule, OutboxListeners } from '@claviger/features/notifications';
import { SecretsModule } from '@claviger/features/secrets';
import { VaultProfilesModule } from '@claviger/features/vault-profiles';
import { QueueModule } from '@claviger/platform/queue';
import { ComplianceDirectory } from './compliance-directory.js';
import { ComplianceDue } from './compliance-due.js';
import { ComplianceJudge } from './compliance-judge.js';
import { COMPLIANCE_JOBS } from './compliance.jobs.js';
import { ComplianceProfileHandlers, ComplianceProfileKeeper } from './compliance-profile.handlers.js';
import { ComplianceProfileRepository } from './compliance-profile.repository.js';
import { ComplianceProfileService } from './compliance-profile.service.js';
import { ComplianceRecords } from './compliance-records.js';
import { ComplianceResults } from './compliance-results.js';
import { Evaluator } from './evaluator.js';
import { RunRepository } from './run.repository.js';
import { RunService } from './run.service.js';
import { RunWorker } from './run-worker.js';
import { SecretStates } from './secret-states.js';
import { WaiverHandlers, WaiverKeeper } from './waiver.handlers.js';
import { WaiverRepository } from './waiver.repository.js';
import { WaiverService } from './waiver.service.js';

/** Compliance profiles, what their rules find, and the judge that refuses changes. */
@Module({
  imports: [
    AccessModule,
    AuditModule,
    ChangesModule,
    NotificationsModule,
    SecretsModule,
    VaultProfilesModule,
    QueueModule.forFeature(...COMPLIANCE_JOBS),
  ],
  providers: [
    ComplianceDirectory,
    ComplianceDue,
    ComplianceJudge,
    ComplianceProfileHandlers,
    ComplianceProfileKeeper,
    ComplianceProfileRepository,
    ComplianceProfileService,
    ComplianceRecords,
    ComplianceResults,
    Evaluator,
    RunRepository,
    RunService,
    RunWorker,
    SecretStates,
    WaiverHandlers,
    WaiverKeeper,
    WaiverRepository,
    WaiverService,
  ],
  exports: [ComplianceProfileService, ComplianceResults, Evaluator, RunService, RunWorker, WaiverService],
})
export class ComplianceModule {
  constructor(
    slot: ChangeJudgeSlot,
    judge: ComplianceJudge,
    changes: ChangeHandlers,
    profiles: ComplianceProfileHandlers,
    waivers: WaiverHandlers,
    profileKeeper: ComplianceProfileKeeper,
    waiverKeeper: WaiverKeeper,
    listeners: OutboxListeners,
    due: ComplianceDue,
  ) {
    slot.set(judge);
    for (const handler of [...profiles.all, ...waivers.all]) changes.add(handler as never);
    for (const keeper of [profileKeeper, waiverKeeper]) changes.addKeeper(keeper);
    listeners.add((tx, events) => due.hear(tx, events));
  }
}
