import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Requester } from '@claviger/features/changes';

/**
 * One version of a secret's content, without the content. Numbers are dense; `revision` rises when the same content
 * came to be managed at another profile too, under the same number: the newest is where it is managed now, the others
 * where it was. Outlives the secret.
 */
@Entity({ name: 'secret_version' })
export class SecretVersionEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid', { name: 'secret_id' })
  secretId: string;

  @PrimaryColumn('integer')
  number: number;

  @PrimaryColumn('integer', { default: 1 })
  revision: number;

  /** Store-wide keyed digest; stays inside. */
  @Column('text')
  fingerprint: string;

  /** The vault profile that managed this version; where it is read. */
  @Column('uuid', { name: 'profile_id' })
  profileId: string;

  /** The name of the object there; null while it is the secret's own. */
  @Column('text', { name: 'physical_name', nullable: true })
  physicalName: string | null;

  @Column('text', { name: 'backend_version', nullable: true })
  backendVersion: string | null;

  @Column('text')
  origin: 'written' | 'adopted';

  @Column('uuid', { name: 'change_id' })
  changeId: string;

  @Column('text', { nullable: true })
  reason: string | null;

  @Column('jsonb', { name: 'created_by' })
  createdBy: Requester;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'deleted_at', precision: 3, nullable: true })
  deletedAt: Date | null;

  @Column({ type: 'timestamptz', name: 'destroyed_at', precision: 3, nullable: true })
  destroyedAt: Date | null;

  @Column({ type: 'timestamptz', name: 'pruned_at', precision: 3, nullable: true })
  prunedAt: Date | null;
}
