import { Module } from '@nestjs/common';
import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { ChangeHandlers, ChangesModule } from '@claviger/features/changes';
import { PrincipalsModule } from '@claviger/features/principals';
import { REPLICATION_SOURCE, ReplicationLedgerModule } from '@claviger/features/replication';
import { VaultProfilesModule } from '@claviger/features/vault-profiles';
import { QueueModule } from '@claviger/platform/queue';
import { AdoptDriftHandler } from './adopt-drift.handler.js';
import { ChangeSourceHandler } from './change-source.handler.js';
import { ContentReader } from './content-reader.js';
import { ContentService } from './content.service.js';
import { CreateSecretHandler } from './create-secret.handler.js';
import { DeleteFuse } from './delete-fuse.js';
import { DeleteSecretHandler } from './delete-secret.handler.js';
import { EditSecretHandlers } from './edit-secret.handlers.js';
import { FingerprintRenewal } from './fingerprint-renewal.js';
import { FoundDrift } from './found-drift.js';
import { LocalContent } from './local-content.js';
import { PlainWrites } from './plain-writes.js';
import { ReadApprovals, ReadContentHandler } from './read-approval.js';
import { SecretAdoption } from './secret-adoption.js';
import { SecretAccess } from './secret-access.js';
import { NotificationsModule } from '@claviger/features/notifications';
import { SecretFingerprints } from './secret-fingerprints.js';
import { SecretKeeper } from './secret-keeper.js';
import { SecretPlanner } from './secret-planner.js';
import { SECRET_JOBS } from './secret.jobs.js';
import { SecretReplicationSource } from './secret-replication-source.js';
import { SecretRepository } from './secret.repository.js';
import { SecretService } from './secret.service.js';
import { SecretViews } from './secret-view.js';
import { SourceChangePlanner } from './source-change-planner.js';
import { SourceChangeService } from './source-change.service.js';
import { SourceRecorder } from './source-recorder.js';
import { SourceVault } from './source-vault.js';
import { SecretReminders } from './secret-reminders.js';
import { SourceVerification } from './source-verification.js';
import { AddSyncProfileHandler, RemoveSyncProfileHandler } from './sync-profile.handlers.js';
import { VaultSurvey } from './vault-survey.js';
import { VersionRecorder } from './version-recorder.js';
import { VersionStateHandlers } from './version-state.handlers.js';
import { WriteContentHandler } from './write-content.handler.js';

@Module({
  imports: [
    AccessModule,
    AuditModule,
    ChangesModule,
    NotificationsModule,
    PrincipalsModule,
    ReplicationLedgerModule,
    VaultProfilesModule,
    QueueModule.forFeature(...SECRET_JOBS),
  ],
  providers: [
    AddSyncProfileHandler,
    AdoptDriftHandler,
    ChangeSourceHandler,
    ContentReader,
    ContentService,
    CreateSecretHandler,
    DeleteFuse,
    DeleteSecretHandler,
    EditSecretHandlers,
    FingerprintRenewal,
    FoundDrift,
    LocalContent,
    PlainWrites,
    ReadApprovals,
    ReadContentHandler,
    RemoveSyncProfileHandler,
    SecretAccess,
    SecretAdoption,
    SecretFingerprints,
    SecretKeeper,
    SecretPlanner,
    SecretReplicationSource,
    SecretRepository,
    SecretService,
    SecretViews,
    SourceChangePlanner,
    SourceChangeService,
    SourceRecorder,
    SourceVault,
    SecretReminders,
    SourceVerification,
    VaultSurvey,
    VersionRecorder,
    VersionStateHandlers,
    WriteContentHandler,
    { provide: REPLICATION_SOURCE, useExisting: SecretReplicationSource },
  ],
  exports: [
    ContentService,
    DeleteFuse,
    FingerprintRenewal,
    REPLICATION_SOURCE,
    SecretAdoption,
    SecretReminders,
    SecretService,
    SecretViews,
    SourceChangeService,
    SourceVerification,
    VaultSurvey,
  ],
})
export class SecretsModule {
  constructor(
    changes: ChangeHandlers,
    create: CreateSecretHandler,
    write: WriteContentHandler,
    edits: EditSecretHandlers,
    remove: DeleteSecretHandler,
    versions: VersionStateHandlers,
    addSync: AddSyncProfileHandler,
    removeSync: RemoveSyncProfileHandler,
    adopt: AdoptDriftHandler,
    read: ReadContentHandler,
    move: ChangeSourceHandler,
    keeper: SecretKeeper,
  ) {
    const versionsAndSyncs = [...versions.all, addSync, removeSync, adopt];
    for (const handler of [create, write, read, move, ...edits.all, remove, ...versionsAndSyncs])
      changes.add(handler as never);
    changes.addKeeper(keeper);
  }
}
