export {
  generateOptionsSchema,
  ENTROPY_CLASSES,
  LENGTH_CLASSES,
  SECRET_TYPES,
  contentSchema,
  type GenerateOptions,
  type SecretType,
  type ContentDiff,
  type ContentFacts,
} from './content/index.js';
export * as contentErrors from './content/content.errors.js';
export { ContentService } from './content.service.js';
export type { WriteResult } from './plain-writes.js';
export { ReadGrantEntity } from './read-grant.entity.js';
export { FingerprintRenewal } from './fingerprint-renewal.js';
export { DeleteFuse, type DeleteFuseView } from './delete-fuse.js';
export { DeleteFuseEntity } from './delete-fuse.entity.js';
export { ADOPT_DRIFT, type AdoptParameters } from './adopt-drift.handler.js';
export { CREATE_SECRET, type CreateParameters } from './create-secret.handler.js';
export { DISABLE_SECRET, EDIT_SECRET, ENABLE_SECRET, type EditParameters } from './edit-secret.handlers.js';
export type { PlanStep } from './secret-planner.js';
export { SECRET_STATES, SecretEntity } from './secret.entity.js';
export type { SecretListQuery } from './secret.repository.js';
export { SecretAdoption, type NewAdoption } from './secret-adoption.js';
export { VaultSurvey, type FoundObject } from './vault-survey.js';
export type { NewSecret } from './new-secret.js';
export * as secretErrors from './secret.errors.js';
export { SecretService, type SyncProfileToAdd } from './secret.service.js';
export { SECRET_READINGS } from './secret.metrics.js';
export { SECRET_JOBS, REMIND_OF_SECRETS, VERIFY_SOURCES } from './secret.jobs.js';
export { SecretVersionEntity } from './secret-version.entity.js';
export { SecretViews, type SecretView, type VersionView } from './secret-view.js';
export { SecretReminders } from './secret-reminders.js';
export { CHANGE_SOURCE, type ChangeSourceParameters } from './change-source.handler.js';
export { SourceChangeService, type NewSourceInput } from './source-change.service.js';
export { SourceVerification } from './source-verification.js';
export * from './secrets.module.js';
export {
  ADD_SYNC_PROFILE,
  REMOVE_SYNC_PROFILE,
  type AddSyncProfileParameters,
  type RemoveSyncProfileParameters,
} from './sync-profile.handlers.js';
export { VERSION_KINDS, type VersionParameters } from './version-state.handlers.js';
export { WRITE_CONTENT, type WriteParameters } from './write-content.handler.js';
