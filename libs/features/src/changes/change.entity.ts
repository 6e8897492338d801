import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ChangeState } from './change-state.js';

/** One requested mutation. The payload is sealed, and erased when the change has ended. */
@Entity({ name: 'change' })
export class ChangeEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  kind: string;

  @Column('text')
  state: ChangeState;

  @Column('uuid', { name: 'secret_id', nullable: true })
  secretId: string | null;

  @Column('jsonb', { name: 'requested_by' })
  requestedBy: Requester;

  @Column('text', { nullable: true })
  reason: string | null;

  @Column('integer', { name: 'base_version', nullable: true })
  baseVersion: number | null;

  @Column('jsonb', { default: {} })
  parameters: Record<string, unknown>;

  @Column('bytea', { nullable: true, select: false })
  payload: Buffer | null;

  /** Of exactly what approval was asked for; null for what needed none. */
  @Column('text', { nullable: true })
  digest: string | null;

  /** Of the request with an idempotency key that made it; null for others. */
  @Column('uuid', { name: 'idempotency_id', nullable: true })
  idempotencyId: string | null;

  /** Where the request stands in its trace (W3C Trace Context), for whoever goes on with the change; null where nobody traces. */
  @Column('text', { nullable: true })
  traceparent: string | null;

  @Column('jsonb', { nullable: true })
  result: Record<string, unknown> | null;

  @Column('text', { name: 'error_code', nullable: true })
  errorCode: string | null;

  @Column('text', { name: 'error_message', nullable: true })
  errorMessage: string | null;

  @Column('integer', { default: 0 })
  attempts: number;

  @Column({ type: 'timestamptz', name: 'lease_until', precision: 3, nullable: true })
  leaseUntil: Date | null;

  @Column('text', { name: 'lease_owner', nullable: true })
  leaseOwner: string | null;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt: Date;

  @Column({ type: 'timestamptz', name: 'ended_at', precision: 3, nullable: true })
  endedAt: Date | null;
}

/** Who asked for a change, as it is remembered. */
export type Requester = { readonly id: string; readonly name: string };
