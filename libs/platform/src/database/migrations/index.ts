import { Keys1763700000000 } from './1763700000000-keys.js';
import { Audit1763700100000 } from './1763700100000-audit.js';
import { Process1763700200000 } from './1763700200000-process.js';
import { Vaults1763700300000 } from './1763700300000-vaults.js';
import { Secrets1763700400000 } from './1763700400000-secrets.js';
import { Access1763700500000 } from './1763700500000-access.js';
import { TokenIndexes1763700600000 } from './1763700600000-token-indexes.js';
import { AuditUpkeep1763700700000 } from './1763700700000-audit-upkeep.js';
import { AuditBatches1763700800000 } from './1763700800000-audit-batches.js';
import { Principals1763700900000 } from './1763700900000-principals.js';
import { LoginIssuers1763701000000 } from './1763701000000-login-issuers.js';
import { Approvals1763701100000 } from './1763701100000-approvals.js';
import { Idempotency1763701200000 } from './1763701200000-idempotency.js';
import { Notifications1763701300000 } from './1763701300000-notifications.js';
import { DeleteFuse1763701400000 } from './1763701400000-delete-fuse.js';
import { Compliance1763701500000 } from './1763701500000-compliance.js';
import { Reports1763701600000 } from './1763701600000-reports.js';
import { Plans1763701700000 } from './1763701700000-plans.js';
import { Imports1763701710000 } from './1763701710000-imports.js';
import { SourceChange1763701800000 } from './1763701800000-source-change.js';
import { TargetEvents1763701810000 } from './1763701810000-target-events.js';
import { KeyRotation1763701900000 } from './1763701900000-key-rotation.js';
import { AuditRetention1763702000000 } from './1763702000000-audit-retention.js';
import { ChangeTrace1763702300000 } from './1763702300000-change-trace.js';
import { Sponsors1763702400000 } from './1763702400000-sponsors.js';
import { HotRowsOfStores1763702500000 } from './1763702500000-hot-rows-of-stores.js';

/** All migrations, oldest first. Forward only: a migration that has landed is never edited. */
export const MIGRATIONS = [
  Keys1763700000000,
  Audit1763700100000,
  Process1763700200000,
  Vaults1763700300000,
  Secrets1763700400000,
  Access1763700500000,
  TokenIndexes1763700600000,
  AuditUpkeep1763700700000,
  AuditBatches1763700800000,
  Principals1763700900000,
  LoginIssuers1763701000000,
  Approvals1763701100000,
  Idempotency1763701200000,
  Notifications1763701300000,
  DeleteFuse1763701400000,
  Compliance1763701500000,
  Reports1763701600000,
  Plans1763701700000,
  Imports1763701710000,
  SourceChange1763701800000,
  TargetEvents1763701810000,
  KeyRotation1763701900000,
  AuditRetention1763702000000,
  ChangeTrace1763702300000,
  Sponsors1763702400000,
  HotRowsOfStores1763702500000,
];
