import { Module } from '@nestjs/common';
import { AccessModule } from '@claviger/features/access';
import { ChangeHandlers, ChangesModule } from '@claviger/features/changes';
import { NotificationsModule, OutboxListeners } from '@claviger/features/notifications';
import { SecretsModule } from '@claviger/features/secrets';
import { VaultProfilesModule } from '@claviger/features/vault-profiles';
import { QueueModule } from '@claviger/platform/queue';
import { ComplianceDirectory } from './compliance-directory.js';
import { ComplianceDue } from './compliance-due.js';
import { COMPLIANCE_JOBS } from './compliance.jobs.js';
import { ComplianceProfileHandlers, ComplianceProfileKeeper } from './compliance-profile.handlers.js';
import { ComplianceProfileRepository } from './compliance-profile.repository.js';
import { ComplianceProfileService } from './compliance-profile.service.js';
import { ComplianceRecords } from './compliance-records.js';
import { ComplianceResults } from './compliance-results.js';
import { Evaluator } from './evaluator.js';
import { SecretStates } from './secret-states.js';

/** Compliance profiles, what their rules find, and the judge that refuses changes. */
@Module({
  imports: [
    AccessModule,
    ChangesModule,
    NotificationsModule,
    SecretsModule,
    VaultProfilesModule,
    QueueModule.forFeature(...COMPLIANCE_JOBS),
  ],
  providers: [
    ComplianceDirectory,
    ComplianceDue,
    ComplianceProfileHandlers,
    ComplianceProfileKeeper,
    ComplianceProfileRepository,
    ComplianceProfileService,
    ComplianceRecords,
    ComplianceResults,
    Evaluator,
    SecretStates,
  ],
  exports: [ComplianceProfileService, ComplianceResults, Evaluator],
})
export class ComplianceModule {
  constructor(
    changes: ChangeHandlers,
    handlers: ComplianceProfileHandlers,
    keeper: ComplianceProfileKeeper,
    listeners: OutboxListeners,
    due: ComplianceDue,
  ) {
    for (const handler of handlers.all) changes.add(handler);
    changes.addKeeper(keeper);
    listeners.add((tx, events) => due.hear(tx, events));
  }
}
