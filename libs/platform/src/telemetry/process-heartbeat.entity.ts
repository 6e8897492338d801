import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A process that is alive, or was until a moment ago. Times are the database's. */
@Entity({ name: 'process_heartbeat' })
export class ProcessHeartbeatEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'pk_process_heartbeat' })
  id: string;

  @Column('text')
  kind: string;

  @Column('text')
  version: string;

  @Column('timestamp with time zone', { name: 'started_at', precision: 3, default: () => 'now()' })
  startedAt: Date;

  @Column('timestamp with time zone', { name: 'seen_at', precision: 3, default: () => 'now()' })
  seenAt: Date;

  /** The last change of the keys that it knows of; null for a process of an older Claviger. */
  @Column('bigint', { name: 'key_generation', nullable: true })
  keyGeneration: string | null;

  /** The root keys that it was given. */
  @Column('text', { name: 'root_key_ids', array: true, nullable: true })
  rootKeyIds: string[] | null;
}
