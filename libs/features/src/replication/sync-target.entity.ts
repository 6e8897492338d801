import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Whether the content is there to be read: `hidden` is there but soft-deleted. */
export type Presence = 'present' | 'hidden' | 'absent';

export const TARGET_STATUSES = [
  'in_sync',
  'pending',
  'retrying',
  'drifted',
  'missing',
  'foreign',
  'blocked',
  'paused',
] as const;
export type TargetStatus = (typeof TARGET_STATUSES)[number];

/** What to do when the place at the target already holds something that is not ours. */
export const CONFLICT_POLICIES = ['fail', 'adopt-if-equal', 'overwrite'] as const;
export type ConflictPolicy = (typeof CONFLICT_POLICIES)[number];

/** Smaller is more urgent. */
export const LANES = { user: 1, retry: 2, sweep: 3 } as const;

/** What was found at a place although nobody asked for it; the fingerprint stays inside. */
export type Drift = {
  readonly detectedAt: string;
  readonly kind: 'content' | 'missing' | 'hidden' | 'restored';
  readonly fingerprint?: string;
  readonly backendVersion?: string;
};

/** One (secret, sync profile) pair: what should be there, what was last seen there, and what happens next. */
@Entity({ name: 'sync_target' })
export class SyncTargetEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid', { name: 'secret_id' })
  secretId: string;

  @PrimaryColumn('uuid', { name: 'profile_id' })
  profileId: string;

  @Column('text', { name: 'physical_name' })
  physicalName: string;

  @Column('text', { name: 'on_conflict', default: 'fail' })
  onConflict: ConflictPolicy;

  @Column('integer', { name: 'desired_version' })
  desiredVersion: number;

  @Column('text', { name: 'desired_fingerprint', nullable: true })
  desiredFingerprint: string | null;

  @Column('text', { name: 'desired_presence' })
  desiredPresence: Presence;

  @Column('integer', { name: 'observed_version', nullable: true })
  observedVersion: number | null;

  @Column('text', { name: 'observed_fingerprint', nullable: true })
  observedFingerprint: string | null;

  @Column('text', { name: 'observed_presence', default: 'unknown' })
  observedPresence: Presence | 'unknown';

  @Column('text', { name: 'observed_backend_version', nullable: true })
  observedBackendVersion: string | null;

  /** True once we wrote or adopted what is there. */
  @Column('boolean', { name: 'is_owned', default: false })
  isOwned: boolean;

  /** How ownership can be proven: a marker beside the content, or only this row. */
  @Column('text', { default: 'none' })
  ownership: 'none' | 'marker' | 'ledger';

  /** Counts changes of what is desired; a worker stores its result only for the generation that it claimed. */
  @Column('bigint', { default: 1 })
  generation: string;

  @Column('text', { default: 'pending' })
  status: TargetStatus;

  @Column('text', { name: 'error_code', nullable: true })
  errorCode: string | null;

  @Column('text', { name: 'error_cause', nullable: true })
  errorCause: string | null;

  @Column('text', { name: 'error_action', nullable: true })
  errorAction: string | null;

  @Column('integer', { default: 0 })
  attempts: number;

  /** When to look at it next; null when nothing is to be done. */
  @Column({ type: 'timestamptz', name: 'next_attempt_at', precision: 3, nullable: true })
  nextAttemptAt: Date | null;

  @Column('integer', { default: 1 })
  priority: number;

  @Column({ type: 'timestamptz', name: 'lease_until', precision: 3, nullable: true })
  leaseUntil: Date | null;

  @Column('text', { name: 'lease_owner', nullable: true })
  leaseOwner: string | null;

  @Column('jsonb', { nullable: true })
  drift: Drift | null;

  /** Set by the scheduled check: look at what is there, whatever the ledger says. */
  @Column('boolean', { name: 'is_verify_due', default: false })
  isVerifyDue: boolean;

  /** Set by a sync request: overwrite drift once. */
  @Column('boolean', { name: 'is_repair_requested', default: false })
  isRepairRequested: boolean;

  /** The database epoch under which the place was last seen; another one means that the ledger may be a restored one. */
  @Column('text', { name: 'verified_epoch', nullable: true })
  verifiedEpoch: string | null;

  @Column({ type: 'timestamptz', name: 'verified_at', precision: 3, nullable: true })
  verifiedAt: Date | null;

  @Column('text', { name: 'verified_how', default: 'none' })
  verifiedHow: 'value' | 'metadata' | 'none';

  @Column({ type: 'timestamptz', name: 'next_verify_at', precision: 3, nullable: true })
  nextVerifyAt: Date | null;

  @Column({ type: 'timestamptz', name: 'synced_at', precision: 3, nullable: true })
  syncedAt: Date | null;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt: Date;
}
