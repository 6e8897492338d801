import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { AuditDetails, AuditOutcome } from './audit-event.js';

/** For reading only: TypeORM knows no partitions, so the migration alone says what the table is. */
@Entity('audit_entry', { synchronize: false })
export class AuditEntryEntity {
  @PrimaryColumn('date')
  day: string;

  @PrimaryColumn('uuid')
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
