import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import type { Requester } from '@claviger/features/changes';

export const RUN_STATES = ['waiting', 'running', 'done', 'failed'] as const;
export type RunState = (typeof RUN_STATES)[number];

/** An evaluation that somebody asked for, or a replay; a worker carries it out in parts and says how far it is. */
@Entity({ name: 'compliance_run' })
@Check('ck_compliance_run_kind', `kind in ('evaluation', 'replay')`)
@Check('ck_compliance_run_state', `state in ('waiting', 'running', 'done', 'failed')`)
export class ComplianceRunEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  kind: 'evaluation' | 'replay';

  @Column('text')
  state: RunState;

  @Column('jsonb')
  scope: Record<string, unknown>;

  /** What a replay judges by, and when. */
  @Column('jsonb')
  input: Record<string, unknown>;

  @Column('jsonb')
  result: Record<string, unknown>;

  @Column('integer')
  total: number;

  @Column('integer')
  done: number;

  /** After which secret, and at which moment of a replay, it goes on. */
  @Column('text', { nullable: true })
  position: string | null;

  @Column('text', { name: 'error_code', nullable: true })
  errorCode: string | null;

  @Column('jsonb', { name: 'requested_by' })
  requestedBy: Requester;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'ended_at', precision: 3, nullable: true })
  endedAt: Date | null;

  @Column({ type: 'timestamptz', name: 'lease_until', precision: 3, nullable: true })
  leaseUntil: Date | null;
}
