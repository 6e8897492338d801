import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Requester } from '@claviger/features/changes';
import type { ReportFormat, ReportKind, ReportParameters } from './report-parameters.js';

export const CADENCES = ['daily', 'weekly', 'monthly'] as const;
export type Cadence = (typeof CADENCES)[number];

/** A report that is drawn again and again, by the right of its owner. */
@Entity({ name: 'report_schedule' })
@Index('uq_report_schedule_name', ['storeId', 'name'], { unique: true })
@Check('ck_report_schedule_cadence', `cadence in ('daily', 'weekly', 'monthly')`)
export class ReportScheduleEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column({ type: 'text', collation: 'C' })
  name: string;

  @Column('text')
  kind: ReportKind;

  @Column('jsonb')
  parameters: ReportParameters;

  @Column('text', { array: true })
  formats: ReportFormat[];

  @Column('text')
  cadence: Cadence;

  /** UTC, 0 to 23. */
  @Column('integer')
  hour: number;

  /** Of a weekly one: 1 for Monday to 7 for Sunday. */
  @Column('integer', { nullable: true })
  weekday: number | null;

  /** Of a monthly one: 1 to 28. */
  @Column('integer', { name: 'day_of_month', nullable: true })
  dayOfMonth: number | null;

  @Column('boolean', { name: 'is_enabled', default: true })
  isEnabled: boolean;

  /** The user or service account by whose right it is drawn: who created it. */
  @Column('uuid', { name: 'owner_id' })
  ownerId: string;

  @Column('jsonb')
  owner: Requester;

  @Column({ type: 'timestamptz', name: 'next_run_at', precision: 3 })
  nextRunAt: Date;

  @Column({ type: 'timestamptz', name: 'last_run_at', precision: 3, nullable: true })
  lastRunAt: Date | null;

  @Column('uuid', { name: 'last_report_id', nullable: true })
  lastReportId: string | null;

  /** Why the last run asked for no report, as a code. */
  @Column('text', { name: 'last_error', nullable: true })
  lastError: string | null;

  @Column('integer', { default: 1 })
  revision: number;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt: Date;
}
