import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import type { Requester } from '@claviger/features/changes';
import type { RotationKind, RotationState } from './key-rotation.policy.js';

/** How far the rows have been gone through: a column of the inventory, and the last key there; null at its beginning. */
export type RotationPosition = {
  readonly column: number;
  readonly after: readonly string[] | null;
  /** What this pass has renewed so far. */
  readonly renewed?: number;
};

/** One rotation of a key, from asking for it until nothing needs the old key. */
@Entity({ name: 'key_rotation' })
@Check('ck_key_rotation_kind', `"kind" in ('root', 'kek', 'data', 'fingerprint')`)
@Check('ck_key_rotation_state', `"state" in ('adding', 'switching', 'renewing', 'settling', 'done')`)
export class KeyRotationEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  kind: RotationKind;

  @Column('text')
  state: RotationState;

  @Column('text', { name: 'from_key_id', nullable: true })
  fromKeyId: string | null;

  @Column('text', { name: 'to_key_id', nullable: true })
  toKeyId: string | null;

  /** What every live process must know of before it goes on. */
  @Column('bigint', { name: 'key_generation', nullable: true })
  keyGeneration: string | null;

  @Column('jsonb', { nullable: true })
  position: RotationPosition | null;

  /** Things to renew, as counted when the renewing began. */
  @Column('bigint', { default: 0 })
  total: string;

  @Column('bigint', { default: 0 })
  done: string;

  /** Things that did not open, or could not be read; they keep the old key. */
  @Column('bigint', { default: 0 })
  failed: string;

  @Column('jsonb', { name: 'requested_by' })
  requestedBy: Requester;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3 })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3 })
  updatedAt: Date;

  /** When it is looked once more whether anything needs the old key, which is destroyed if not. */
  @Column({ type: 'timestamptz', name: 'settles_at', precision: 3, nullable: true })
  settlesAt: Date | null;

  @Column({ type: 'timestamptz', name: 'ended_at', precision: 3, nullable: true })
  endedAt: Date | null;
}
