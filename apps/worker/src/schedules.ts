import { everyMs, type JobSchedule } from '@claviger/platform/queue';
import { REMOVE_ENDED_TOKENS } from '@claviger/features/access';
import { SWEEP_APPROVALS } from '@claviger/features/approvals';
import { RECOVER_CHANGES, ABANDON_CHANGES } from '@claviger/features/changes';
import { SWEEP_COMPLIANCE } from '@claviger/features/compliance';
import { REMOVE_EXPIRED_ANSWERS } from '@claviger/features/idempotency';
import { REMOVE_OLD_DELIVERIES, SWEEP_NOTIFICATIONS } from '@claviger/features/notifications';
import { SWEEP_TARGETS, VERIFY_TARGETS } from '@claviger/features/replication';
import { EXPIRE_REPORTS, SWEEP_REPORTS } from '@claviger/features/reports';
import { REMIND_OF_SECRETS, VERIFY_SOURCES } from '@claviger/features/secrets';
import { MAINTAIN_AUDIT } from '@claviger/features/audit';

/** Every recurring job. PostgreSQL is the truth: these find what is due there, whatever became of the queue. */
export const SCHEDULES: readonly JobSchedule[] = [
  everyMs(1_000, SWEEP_NOTIFICATIONS, {}),
  everyMs(1_000, SWEEP_COMPLIANCE, {}),
  everyMs(1_000, SWEEP_REPORTS, {}),
  everyMs(2_000, SWEEP_TARGETS, {}),
  everyMs(2_000, RECOVER_CHANGES, {}),
  everyMs(5_000, SWEEP_APPROVALS, {}),
  everyMs(30_000, VERIFY_TARGETS, {}),
  everyMs(30_000, VERIFY_SOURCES, {}),
  everyMs(600_000, REMIND_OF_SECRETS, {}),
  everyMs(600_000, ABANDON_CHANGES, {}),
  everyMs(600_000, REMOVE_ENDED_TOKENS, {}),
  everyMs(600_000, REMOVE_EXPIRED_ANSWERS, {}),
  everyMs(3_600_000, EXPIRE_REPORTS, {}),
  everyMs(3_600_000, REMOVE_OLD_DELIVERIES, {}),
  everyMs(3_600_000, MAINTAIN_AUDIT, {}),
];
