import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Requester } from '@claviger/features/changes';

/** Until when a store's fuse lets everything through; no row for one that was never lifted. */
@Entity({ name: 'delete_fuse' })
export class DeleteFuseEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @Column({ type: 'timestamptz', name: 'lifted_until', precision: 3 })
  liftedUntil: Date;

  @Column('jsonb', { name: 'lifted_by' })
  liftedBy: Requester;

  @Column('text')
  reason: string;
}
