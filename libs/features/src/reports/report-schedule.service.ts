import { Inject, Injectable } from '@nestjs/common';
import { AccessService, type Operation } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import { requesterOf, type Requester } from '@claviger/features/changes';
import { principalErrors } from '@claviger/features/principals';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import type { ReportFormat, ReportKind, ReportParameters } from './report-parameters.js';
import { ReportService } from './report.service.js';
import { ReportScheduleRepository } from './report-schedule.repository.js';
import type { Cadence, ReportScheduleEntity } from './report-schedule.entity.js';
import { asOfNotScheduled, scheduleNeedsPrincipal, scheduleNotFound } from './report.errors.js';
import { checkedTiming, nextRunAt } from './schedule.policy.js';

const { staleMatch } = principalErrors;
/** Longest name of a schedule. */
export const MAX_SCHEDULE_NAME = 128;
const NAME = /^[a-z0-9][a-z0-9._-]{0,127}$/;

export type NewSchedule = {
  readonly name: string;
  readonly kind: ReportKind;
  readonly formats: readonly ReportFormat[];
  readonly parameters: ReportParameters;
  readonly cadence: Cadence;
  readonly hour: number;
  readonly weekday: number | null;
  readonly dayOfMonth: number | null;
  readonly isEnabled: boolean;
};

/** What may be changed; what is left out stays. */
export type ScheduleChanges = Partial<Omit<NewSchedule, 'name' | 'kind'>>;

export type ScheduleView = Omit<NewSchedule, 'formats'> & {
  readonly id: string;
  readonly formats: readonly ReportFormat[];
  readonly owner: Requester;
  readonly nextRunAt: Date | null;
  readonly lastRunAt: Date | null;
  readonly lastReportId: string | null;
  readonly lastError: string | null;
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

/** Reports that are drawn again and again, as resources. */
@Injectable()
export class ReportScheduleService {
  constructor(
    private readonly database: Database,
    private readonly schedules: ReportScheduleRepository,
    private readonly reports: ReportService,
    private readonly access: AccessService,
    private readonly audit: AuditService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Whoever creates it owns it, and needs the right to such a report now and whenever it is due.
   * @throws AppError ACCESS_DENIED, REPORT_SCHEDULE_NEEDS_PRINCIPAL, INPUT_INVALID, REPORT_SCHEDULE_EXISTS
   */
  async create(ctx: RequestContext, input: NewSchedule): Promise<ScheduleView> {
    this.#authorize(ctx, input.name, 'create');
    this.reports.authorize(ctx, input.kind, 'create');
    const ownerId = ctx.actor.principal?.id;
    if (ownerId === undefined) throw scheduleNeedsPrincipal();
    const settings = await this.#check(ctx, input);
    return this.database.transaction(ctx, async (tx) => {
      const { name, kind, isEnabled } = input;
      const next = nextRunAt(settings, this.clock.now());
      const owner = requesterOf(ctx);
      const row = await this.schedules.insert(tx, {
        name,
        kind,
        isEnabled,
        ownerId,
        owner,
        nextRunAt: next,
        ...settings,
      });
      await this.#record(tx, 'create', row);
      return toView(row);
    });
  }

  /** @throws AppError ACCESS_DENIED, REPORT_SCHEDULE_NOT_FOUND */
  async get(ctx: RequestContext, name: string): Promise<ScheduleView> {
    this.#authorize(ctx, name, 'read');
    const row = await this.schedules.find(ctx, name);
    if (!row) throw scheduleNotFound();
    return toView(row);
  }

  /** By name, from the one after `after`. @throws AppError ACCESS_DENIED */
  async list(ctx: RequestContext, limit: number, after?: string): Promise<ScheduleView[]> {
    this.#authorize(ctx, '', 'list');
    return (await this.schedules.list(ctx, limit, after)).map(toView);
  }

  /**
   * Its owner stays; who changes what is drawn needs the right to it, too.
   * @throws AppError ACCESS_DENIED, REPORT_SCHEDULE_NOT_FOUND, INPUT_INVALID, STALE_MATCH
   */
  async update(
    ctx: RequestContext,
    name: string,
    changes: ScheduleChanges,
    expectedRevision?: number,
  ): Promise<ScheduleView> {
    this.#authorize(ctx, name, 'update');
    return this.database.transaction(ctx, async (tx) => {
      const row = await this.#lock(tx, name, expectedRevision);
      this.reports.authorize(ctx, row.kind, 'create');
      const settings = await this.#check(tx, { ...row, ...changes });
      const { isEnabled = row.isEnabled } = changes;
      const next = nextRunAt(settings, this.clock.now());
      const updated = await this.schedules.update(tx, row.id, {
        ...settings,
        isEnabled,
        nextRunAt: next,
        lastError: null,
      });
      await this.#record(tx, 'update', updated);
      return toView(updated);
    });
  }

  /** What it asked for stays. @throws AppError ACCESS_DENIED, REPORT_SCHEDULE_NOT_FOUND, STALE_MATCH */
  async remove(ctx: RequestContext, name: string, expectedRevision?: number): Promise<void> {
    this.#authorize(ctx, name, 'delete');
    await this.database.transaction(ctx, async (tx) => {
      const row = await this.#lock(tx, name, expectedRevision);
      await this.schedules.remove(tx, row.id);
      await this.#record(tx, 'delete', row);
    });
  }

  async #check(
    ctx: RequestContext,
    { kind, formats, parameters, cadence, hour, weekday, dayOfMonth }: Omit<NewSchedule, 'name' | 'isEnabled'>,
  ): Promise<Pick<ReportScheduleEntity, 'formats' | 'parameters' | 'cadence' | 'hour' | 'weekday' | 'dayOfMonth'>> {
    if (parameters.asOf !== undefined) throw asOfNotScheduled();
    const checked = await this.reports.check(ctx, { kind, formats, parameters });
    const timing = checkedTiming({ cadence, hour, weekday, dayOfMonth });
    return { ...timing, formats: [...checked.formats], parameters: checked.parameters };
  }

  #authorize(ctx: RequestContext, name: string, operation: Operation): void {
    // What cannot be a name is quoted nowhere: it may be something that was pasted by mistake.
    if (name !== '' && !NAME.test(name)) throw scheduleNotFound();
    this.access.authorize(ctx, `claviger/report-schedules/${name}`, operation);
  }

  async #lock(tx: RequestContext, name: string, expectedRevision?: number): Promise<ReportScheduleEntity> {
    const row = await this.schedules.lock(tx, name);
    if (!row) throw scheduleNotFound();
    if (expectedRevision !== undefined && expectedRevision !== row.revision) throw staleMatch(row.revision);
    return row;
  }

  async #record(tx: RequestContext, act: string, { id, name, kind, cadence }: ReportScheduleEntity): Promise<void> {
    const resource = { kind: 'report-schedule', id, name };
    const details = { kind, cadence };
    const event = { action: `report-schedule.${act}`, outcome: 'allowed', resource, details } as const;
    await this.audit.record(tx, this.audit.entry(tx, event));
  }
}

function toView(row: ReportScheduleEntity): ScheduleView {
  const { storeId: _storeId, ownerId: _ownerId, ...view } = row;
  return { ...view, nextRunAt: row.isEnabled ? row.nextRunAt : null };
}
