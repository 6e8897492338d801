import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Requester } from '@claviger/features/changes';

/** That a secret may break a rule for a while: who said so, why, and until when. */
@Entity({ name: 'compliance_waiver' })
export class ComplianceWaiverEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('uuid', { name: 'secret_id' })
  secretId: string;

  @Column('uuid', { name: 'profile_id' })
  profileId: string;

  @Column('text', { name: 'rule_id' })
  ruleId: string;

  @Column('text')
  reason: string;

  @Column({ type: 'timestamptz', name: 'from_at', precision: 3 })
  fromAt: Date;

  @Column({ type: 'timestamptz', name: 'until_at', precision: 3 })
  untilAt: Date;

  /** When it was taken back. */
  @Column({ type: 'timestamptz', name: 'ended_at', precision: 3, nullable: true })
  endedAt: Date | null;

  @Column('jsonb', { name: 'requested_by' })
  requestedBy: Requester;

  @Column('jsonb', { name: 'ended_by', nullable: true })
  endedBy: Requester | null;

  /** By which it was granted. */
  @Column('uuid', { name: 'change_id' })
  changeId: string;

  /** When it was told that it ends soon. */
  @Column({ type: 'timestamptz', name: 'told_at', precision: 3, nullable: true })
  toldAt: Date | null;
}
