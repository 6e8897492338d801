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
}
