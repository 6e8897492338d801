import type { Requester, ReviewStep } from '@claviger/features/changes';
import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import type { PlanItemState, PlanState } from './plan-state.js';
import type { PlanKind } from './plan-request.js';
import type { PlanAction } from './plan-verdict.policy.js';

/** What happens when an item fails: the rest goes on, or is skipped. */
export const ON_FAILURE = ['continue', 'stop'] as const;
export type OnFailure = (typeof ON_FAILURE)[number];

/** A list of changes that were judged together and may be applied together. */
@Entity({ name: 'plan' })
@Check('ck_plan_state', `state in ('judging', 'ready', 'applying', 'applied', 'cancelled', 'expired', 'stale')`)
@Check('ck_plan_on_failure', `on_failure in ('continue', 'stop')`)
export class PlanEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  state: PlanState;

  @Column('jsonb', { name: 'requested_by' })
  requestedBy: Requester;

  /** Of the token that judges it or, once it is applied, that applies it. */
  @Column('uuid', { name: 'token_id' })
  tokenId: string;

  @Column('text', { nullable: true })
  reason: string | null;

  @Column('integer', { name: 'item_count' })
  itemCount: number;

  @Column('text', { name: 'on_failure', default: 'continue' })
  onFailure: OnFailure;

  /** Somebody asked for an end while it is being applied. */
  @Column('boolean', { name: 'is_stopping', default: false })
  isStopping: boolean;

  @Column('text', { name: 'lease_owner', nullable: true })
  leaseOwner: string | null;

  @Column({ type: 'timestamptz', name: 'lease_until', precision: 3, nullable: true })
  leaseUntil: Date | null;

  @Column({ type: 'timestamptz', name: 'expires_at', precision: 3 })
  expiresAt: Date;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'judged_at', precision: 3, nullable: true })
  judgedAt: Date | null;

  @Column({ type: 'timestamptz', name: 'applied_at', precision: 3, nullable: true })
  appliedAt: Date | null;

  @Column({ type: 'timestamptz', name: 'ended_at', precision: 3, nullable: true })
  endedAt: Date | null;
}

/** One change of a plan. The payload is sealed, and erased when the item ends. */
@Entity({ name: 'plan_item' })
@Check(
  'ck_plan_item_state',
  `state in ('open', 'done', 'no-op', 'pending_approval', 'executing', 'failed', 'stale', 'skipped')`,
)
@Check('ck_plan_item_erased', `state = 'open' or payload is null`)
export class PlanItemEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid', { name: 'plan_id' })
  planId: string;

  /** Its place in the plan, from 1. */
  @PrimaryColumn('integer')
  number: number;

  /** The change that it makes carries it, so that it makes one only. */
  @Column('uuid')
  id: string;

  @Column('text')
  kind: PlanKind;

  @Column('uuid', { name: 'secret_id', nullable: true })
  secretId: string | null;

  /** `<profile>/<name>`; null until it was judged and found. */
  @Column('text', { nullable: true })
  subject: string | null;

  /** What was asked for, without its value. */
  @Column('jsonb')
  parameters: Record<string, unknown>;

  @Column('bytea', { nullable: true, select: false })
  payload: Buffer | null;

  /** Null until it was judged. */
  @Column('text', { nullable: true })
  action: PlanAction | null;

  @Column('jsonb', { default: [] })
  steps: readonly ReviewStep[];

  /** Names of the approval profiles that it would wait for. */
  @Column('jsonb', { name: 'waits_for', default: [] })
  waitsFor: readonly string[];

  /** What it was judged over; null when it was refused. */
  @Column('jsonb', { nullable: true })
  base: PlanBase | null;

  @Column('text')
  state: PlanItemState;

  @Column('text', { nullable: true })
  code: string | null;

  @Column('text', { nullable: true })
  message: string | null;

  @Column('uuid', { name: 'change_id', nullable: true })
  changeId: string | null;

  @Column({ type: 'timestamptz', name: 'ended_at', precision: 3, nullable: true })
  endedAt: Date | null;
}

/** The world that an item was judged over. */
export type PlanBase = {
  /** Keyed digest of what our records said. */
  readonly world: string;
  /** Of the secret; absent for one that is to be created. */
  readonly secret?: { readonly revision: number; readonly version: number };
  /** What lies there that is to be adopted: its keyed fingerprint. */
  readonly seen?: string;
  /** The change as it was proposed, without its value: by it the world is found again. */
  readonly proposal: { readonly kind: string; readonly change: Record<string, unknown> };
};
