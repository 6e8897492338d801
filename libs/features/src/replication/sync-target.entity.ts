import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Whether the content is there to be read: `hidden` is there but soft-deleted. */
export type Presence = 'present' | 'hidden' | 'absent';

/**
 * `retained`: the copy stays, and the target ends. It lasts only while an attempt that was begun before may still write
 * there, and keeps the place from being given to anybody else until then.
 */
export type DesiredPresence = Presence | 'retained';

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

/** How it can be proven that what is at a place is ours: a marker beside the content, or only the ledger. */
export type Ownership = 'none' | 'marker' | 'ledger';

/** Smaller is more urgent. */
export const LANES = { user: 1, retry: 2, sweep: 3 } as const;

/** What was found at a place although nobody asked for it; the fingerprint stays inside. */
export type Drift = {
  readonly detectedAt: string;
  readonly kind: 'content' | 'missing' | 'hidden' | 'shown' | 'restored';
  readonly fingerprint?: string;
};

/** Content that was no version of the secret and that we replaced; the fingerprint stays inside. */
export type Overwritten = { readonly at: string; readonly fingerprint: string };

/**
 * What is told of a target that is not equal: it waits for a person, somebody changed it there, it is tried again and again, or
 * it rests.
 */
export type Trouble = 'blocked' | 'drifted' | 'delayed' | 'paused';

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

  @Column('text', { name: 'desired_fingerprint' })
  desiredFingerprint: string;

  @Column('text', { name: 'desired_presence' })
  desiredPresence: DesiredPresence;

  @Column('integer', { name: 'observed_version', nullable: true })
  observedVersion: number | null;

  @Column('text', { name: 'observed_fingerprint', nullable: true })
  observedFingerprint: string | null;

  @Column('text', { name: 'observed_presence', default: 'unknown' })
  observedPresence: Presence | 'unknown';

  @Column('text', { name: 'observed_backend_version', nullable: true })
  observedBackendVersion: string | null;

  /** `none` until we wrote or adopted what is there. */
  @Column('text', { default: 'none' })
  ownership: Ownership;

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

  /**
   * Set while an attempt's outcome is unknown: what it sent may have been carried out, and may arrive until then. Cleared
   * by looking at the place after that.
   */
  @Column({ type: 'timestamptz', name: 'unsettled_until', precision: 3, nullable: true })
  unsettledUntil: Date | null;

  @Column('jsonb', { nullable: true })
  drift: Drift | null;

  /** The last time that content which was not ours was replaced here. */
  @Column('jsonb', { nullable: true })
  overwritten: Overwritten | null;

  /** What was told of it last and is not over, as far as that was told. */
  @Column('text', { nullable: true })
  told: Trouble | null;

  /** Look at what is there before anything is written, whatever this row says. */
  @Column('boolean', { name: 'is_look_due', default: false })
  isLookDue: boolean;

  /** Set by a sync request: overwrite drift once. */
  @Column('boolean', { name: 'is_repair_requested', default: false })
  isRepairRequested: boolean;

  /** The database epoch under which this row last agreed with the place; in another one it may be a restored row. */
  @Column('text', { name: 'verified_epoch' })
  verifiedEpoch: string;

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
