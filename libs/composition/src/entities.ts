import { ACCESS_ENTITIES } from '@claviger/features/access';
import { APPROVALS_ENTITIES } from '@claviger/features/approvals';
import { COMPLIANCE_ENTITIES } from '@claviger/features/compliance';
import { NOTIFICATIONS_ENTITIES } from '@claviger/features/notifications';
import { PRINCIPALS_ENTITIES } from '@claviger/features/principals';
import { AUDIT_ENTITIES } from '@claviger/features/audit';
import { ChangeEntity } from '@claviger/features/changes';
import { IdempotencyRecordEntity } from '@claviger/features/idempotency';
import { SyncTargetEntity } from '@claviger/features/replication';
import { REPORTS_ENTITIES } from '@claviger/features/reports';
import { DeleteFuseEntity, ReadGrantEntity, SecretEntity, SecretVersionEntity } from '@claviger/features/secrets';
import { VAULT_PROFILE_ENTITIES } from '@claviger/features/vault-profiles';
import { ProcessHeartbeatEntity } from '@claviger/platform/telemetry';

/** Every entity of Claviger. A spec holds them against the migrations. */
export const ENTITIES = [
  ...ACCESS_ENTITIES,
  ...APPROVALS_ENTITIES,
  ...COMPLIANCE_ENTITIES,
  ...NOTIFICATIONS_ENTITIES,
  ...PRINCIPALS_ENTITIES,
  ...AUDIT_ENTITIES,
  ChangeEntity,
  IdempotencyRecordEntity,
  ProcessHeartbeatEntity,
  DeleteFuseEntity,
  ReadGrantEntity,
  SecretEntity,
  SecretVersionEntity,
  SyncTargetEntity,
  ...REPORTS_ENTITIES,
  ...VAULT_PROFILE_ENTITIES,
];
