import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AuditDetails, AuditOutcome } from './audit-event.js';

/** The view that spells out the entries of batches. */
@Entity('audit_entry', { synchronize: false })
export class AuditEntryEntity {
  @PrimaryColumn('date', { name: 'batch_day' })
  batchDay: string;

  @PrimaryColumn('uuid', { name: 'batch_id' })
  batchId: string;

  /** Of the entry in its batch, from 1 on. */
  @PrimaryColumn('bigint')
  position: string;

  /** The text of the whole batch. */
  @Column('text', { name: 'batch_entries', select: false })
  batchEntries: string;

  @Column('uuid')
  id: string;

  @Column('uuid', { name: 'store_id' })
  storeId: string;

  @Column({ type: 'timestamptz', precision: 3 })
  at: Date;

  @Column('text', { name: 'actor_type' })
  actorType: string;

  @Column('text', { name: 'actor_id' })
  actorId: string;

  @Column('text', { name: 'actor_accessor', nullable: true })
  actorAccessor: string | null;

  @Column('text', { name: 'actor_name' })
  actorName: string;

  @Column('text', { name: 'actor_root_id' })
  actorRootId: string;

  @Column('text')
  action: string;

  @Column('text')
  outcome: AuditOutcome;

  @Column('text', { name: 'resource_kind' })
  resourceKind: string;

  @Column('text', { name: 'resource_id', nullable: true })
  resourceId: string | null;

  @Column('text', { name: 'resource_name', nullable: true })
  resourceName: string | null;

  @Column('text', { name: 'request_id' })
  requestId: string;

  @Column('text', { name: 'remote_address', nullable: true })
  remoteAddress: string | null;

  @Column('jsonb')
  details: AuditDetails;
}
