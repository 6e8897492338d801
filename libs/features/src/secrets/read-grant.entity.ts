import { Column, Entity, PrimaryColumn } from 'typeorm';

/** An approved read: who may read which version once, until when. It holds no value. */
@Entity({ name: 'read_grant' })
export class ReadGrantEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid', { name: 'change_id' })
  changeId: string;

  @Column('uuid', { name: 'secret_id' })
  secretId: string;

  @Column('integer')
  version: number;

  /** The identity of who asked for it. */
  @Column('text')
  reader: string;

  @Column({ type: 'timestamptz', name: 'ends_at', precision: 3 })
  endsAt: Date;

  @Column({ type: 'timestamptz', name: 'used_at', precision: 3, nullable: true })
  usedAt: Date | null;
}
