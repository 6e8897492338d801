import { Module, type DynamicModule } from '@nestjs/common';
import { AccessModule } from '@claviger/features/access';
import { ApprovalsModule } from '@claviger/features/approvals';
import { AuditKeeperModule, AuditModule } from '@claviger/features/audit';
import { ChangesModule } from '@claviger/features/changes';
import { ComplianceModule } from '@claviger/features/compliance';
import { IdempotencyModule } from '@claviger/features/idempotency';
import { SubscriptionsModule } from '@claviger/features/notifications';
import { ReplicationModule } from '@claviger/features/replication';
import { ReportsModule } from '@claviger/features/reports';
import { SecretsModule } from '@claviger/features/secrets';
import type { Config } from '@claviger/platform/config';
import { QueueWorkerModule } from '@claviger/platform/queue';
import { AccessProcessor } from './processors/access.processor.js';
import { ApprovalProcessor } from './processors/approval.processor.js';
import { AuditProcessor } from './processors/audit.processor.js';
import { ChangeProcessor } from './processors/change.processor.js';
import { ComplianceProcessor } from './processors/compliance.processor.js';
import { IdempotencyProcessor } from './processors/idempotency.processor.js';
import { NotificationProcessor } from './processors/notification.processor.js';
import { ReplicationProcessor } from './processors/replication.processor.js';
import { ReportProcessor } from './processors/report.processor.js';
import { SecretProcessor } from './processors/secret.processor.js';
import { SCHEDULES } from './schedules.js';

/** The features without HTTP: the handlers of all jobs and the recurring ones. Stands on FoundationModule. */
@Module({})
export class WorkerModule {
  static forRoot(config: Config): DynamicModule {
    return {
      module: WorkerModule,
      imports: [
        AccessModule,
        ApprovalsModule,
        AuditKeeperModule,
        AuditModule,
        ChangesModule,
        ComplianceModule,
        IdempotencyModule,
        ReplicationModule.over(SecretsModule),
        ReportsModule,
        SecretsModule,
        SubscriptionsModule,
        QueueWorkerModule.forRoot({ concurrency: config.work.workerConcurrency, schedules: SCHEDULES }),
      ],
      providers: [
        AccessProcessor,
        ApprovalProcessor,
        AuditProcessor,
        ChangeProcessor,
        ComplianceProcessor,
        IdempotencyProcessor,
        NotificationProcessor,
        ReplicationProcessor,
        ReportProcessor,
        SecretProcessor,
      ],
    };
  }
}
