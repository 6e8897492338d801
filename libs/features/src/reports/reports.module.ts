import { Module } from '@nestjs/common';
import { AccessModule } from '@claviger/features/access';
import { AuditModule } from '@claviger/features/audit';
import { ComplianceModule } from '@claviger/features/compliance';
import { NotificationsModule } from '@claviger/features/notifications';
import { PrincipalsModule } from '@claviger/features/principals';
import { VaultProfilesModule } from '@claviger/features/vault-profiles';
import { QueueModule } from '@claviger/platform/queue';
import { AccessReport } from './kinds/access.report.js';
import { ApprovalsReport } from './kinds/approvals.report.js';
import { ComplianceReport } from './kinds/compliance.report.js';
import { ExpiringReport } from './kinds/expiring.report.js';
import { InventoryReport } from './kinds/inventory.report.js';
import { ReplicationReport } from './kinds/replication.report.js';
import { ReportCatalogue } from './report-catalogue.js';
import { ReportDrawer } from './report-drawer.js';
import { ReportDrawing } from './report-drawing.js';
import { ReportKeeper } from './report-keeper.js';
import { ReportRepository } from './report.repository.js';
import { ReportScheduleRepository } from './report-schedule.repository.js';
import { ReportScheduleService } from './report-schedule.service.js';
import { ReportScheduler } from './report-scheduler.js';
import { ReportService } from './report.service.js';
import { REPORT_JOBS } from './reports.jobs.js';
import { SecretsAt } from './secrets-at.js';
import { WaiversAt } from './waivers-at.js';

/** Signed reports over everything that is managed. */
@Module({
  imports: [
    AccessModule,
    AuditModule,
    ComplianceModule,
    NotificationsModule,
    PrincipalsModule,
    VaultProfilesModule,
    QueueModule.forFeature(...REPORT_JOBS),
  ],
  providers: [
    AccessReport,
    ApprovalsReport,
    ComplianceReport,
    ExpiringReport,
    InventoryReport,
    ReplicationReport,
    ReportCatalogue,
    ReportDrawer,
    ReportDrawing,
    ReportKeeper,
    ReportRepository,
    ReportScheduleRepository,
    ReportScheduleService,
    ReportScheduler,
    ReportService,
    SecretsAt,
    WaiversAt,
  ],
  exports: [ReportDrawer, ReportKeeper, ReportScheduler, ReportScheduleService, ReportService],
})
export class ReportsModule {}
