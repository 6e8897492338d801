import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Requester } from '@claviger/features/changes';
import type { SecretType } from './content/index.js';

/** `pending_approval` and `rejected` are reached through the approval gate only. */
export const SECRET_STATES = ['creating', 'active', 'deleting', 'deleted', 'pending_approval', 'rejected'] as const;
export type SecretState = (typeof SECRET_STATES)[number];

/** Content found at the source that no change of ours put there. The fingerprint stays inside. */
export type SourceDrift = {
  readonly detectedAt: string;
  readonly kind: 'content' | 'missing' | 'hidden';
  readonly fingerprint?: string;
  readonly backendVersion?: string;
};

@Entity({ name: 'secret' })
export class SecretEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column({ type: 'text', collation: 'C' })
  name: string;

  @Column('text')
  type: SecretType;

  @Column('text')
  state: SecretState;

  @Column('boolean', { name: 'is_disabled', default: false })
  isDisabled: boolean;

  @Column('uuid', { name: 'source_profile_id' })
  sourceProfileId: string;

  @Column('text', { name: 'physical_name' })
  physicalName: string;

  @Column('text', { default: '' })
  description: string;

  @Column('text', { nullable: true })
  owner: string | null;

  @Column('jsonb', { default: {} })
  labels: Record<string, string>;

  @Column('integer', { name: 'current_version', default: 0 })
  currentVersion: number;

  @Column('text', { name: 'current_fingerprint', nullable: true })
  currentFingerprint: string | null;

  @Column('text', { name: 'current_backend_version', nullable: true })
  currentBackendVersion: string | null;

  @Column('jsonb', { default: {} })
  facts: Record<string, unknown>;

  @Column({ type: 'timestamptz', name: 'expires_at', precision: 3, nullable: true })
  expiresAt: Date | null;

  @Column('integer', { name: 'rotation_interval_seconds', nullable: true })
  rotationIntervalSeconds: number | null;

  @Column({ type: 'timestamptz', name: 'rotated_at', precision: 3, nullable: true })
  rotatedAt: Date | null;

  @Column({ type: 'timestamptz', name: 'rotation_due_at', precision: 3, nullable: true })
  rotationDueAt: Date | null;

  @Column('jsonb', { nullable: true })
  drift: SourceDrift | null;

  @Column({ type: 'timestamptz', name: 'next_verify_at', precision: 3, nullable: true })
  nextVerifyAt: Date | null;

  @Column({ type: 'timestamptz', name: 'verified_at', precision: 3, nullable: true })
  verifiedAt: Date | null;

  /** Counts users' changes; the ETag of the secret. */
  @Column('integer', { default: 1 })
  revision: number;

  @Column('jsonb', { name: 'created_by' })
  createdBy: Requester;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt: Date;

  @Column({ type: 'timestamptz', name: 'deleted_at', precision: 3, nullable: true })
  deletedAt: Date | null;
}
