import { Inject, Injectable } from '@nestjs/common';
import { AccessService } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import { Outbox } from '@claviger/features/notifications';
import { Voters } from '@claviger/features/principals';
import { CLOCK, isAppError, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { pathOf, ReportService } from './report.service.js';
import type { ReportScheduleEntity } from './report-schedule.entity.js';
import { ReportScheduleRepository } from './report-schedule.repository.js';
import { nextRunAt } from './schedule.policy.js';

/** Asks for the reports that schedules are due for: each once, however many workers look; what was missed, once. */
@Injectable()
export class ReportScheduler {
  constructor(
    private readonly database: Database,
    private readonly schedules: ReportScheduleRepository,
    private readonly reports: ReportService,
    private readonly voters: Voters,
    private readonly access: AccessService,
    private readonly audit: AuditService,
    private readonly outbox: Outbox,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** All that are due, each in a transaction of its own. Returns how many. */
  async run(ctx: RequestContext, signal?: AbortSignal): Promise<number> {
    let count = 0;
    while (!signal?.aborted) {
      const isRun = await this.database.transaction(ctx, async (tx) => {
        const due = await this.schedules.takeDue(tx, this.clock.now());
        if (due) await this.#run(tx, due);
        return due !== undefined;
      });
      if (!isRun) return count;
      count += 1;
    }
    return count;
  }

  async #run(tx: RequestContext, schedule: ReportScheduleEntity): Promise<void> {
    const now = this.clock.now();
    const run = { nextRunAt: nextRunAt(schedule, now), lastRunAt: now };
    const { id, kind, owner, name } = schedule;
    const asked = await this.#ask(tx, schedule);
    if (typeof asked !== 'string') {
      await this.schedules.noteRun(tx, id, { ...run, lastError: null, lastReportId: asked.id });
      return;
    }
    await this.schedules.noteRun(tx, id, { ...run, lastError: asked });
    const resource = { kind: 'report-schedule', id, name };
    const details = { code: asked, owner: owner.id };
    const entry = this.audit.entry(tx, { action: 'report-schedule.run', outcome: 'refused', resource, details });
    await this.audit.record(tx, entry);
    await this.outbox.add(tx, 'report-schedule.failed', id, { kind, name, code: asked });
  }

  /** The owner may have left, or may have been told to do without such reports. */
  async #mayOwner(tx: RequestContext, { ownerId, kind }: ReportScheduleEntity): Promise<boolean> {
    const acting = await this.voters.findActing(tx, ownerId);
    if (!acting) return false;
    return this.access.couldAll(tx, acting.policies, acting.principal, [{ path: pathOf(kind), operation: 'create' }]);
  }

  /** The report, or why there is none, as a code: one schedule that cannot be run does not hold up others. */
  async #ask(tx: RequestContext, schedule: ReportScheduleEntity): Promise<{ id: string } | string> {
    const { kind, formats, parameters, owner, name } = schedule;
    try {
      if (!(await this.#mayOwner(tx, schedule))) return 'OWNER_MAY_NOT';
      const checked = await this.reports.check(tx, { kind, formats, parameters });
      return await this.reports.add(tx, checked, owner, name);
    } catch (error) {
      if (isAppError(error) && (!error.retryable || error.code === 'REPORTS_TOO_MANY')) return error.code;
      throw error;
    }
  }
}
