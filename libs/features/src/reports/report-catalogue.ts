import { Injectable } from '@nestjs/common';
import { AccessReport } from './kinds/access.report.js';
import { ApprovalsReport } from './kinds/approvals.report.js';
import { ComplianceReport } from './kinds/compliance.report.js';
import { ExpiringReport } from './kinds/expiring.report.js';
import { InventoryReport } from './kinds/inventory.report.js';
import { ReplicationReport } from './kinds/replication.report.js';
import type { ReportDefinition } from './report-definition.js';
import type { ReportKind } from './report-parameters.js';

/** Every kind of report. */
@Injectable()
export class ReportCatalogue {
  readonly #byKind: Readonly<Record<ReportKind, ReportDefinition>>;

  constructor(
    access: AccessReport,
    approvals: ApprovalsReport,
    compliance: ComplianceReport,
    expiring: ExpiringReport,
    inventory: InventoryReport,
    replication: ReplicationReport,
  ) {
    this.#byKind = { access, approvals, compliance, expiring, inventory, replication };
  }

  get(kind: ReportKind): ReportDefinition {
    return this.#byKind[kind];
  }
}
