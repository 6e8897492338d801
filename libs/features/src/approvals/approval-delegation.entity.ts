import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A right to vote that somebody gave to somebody else for a time. */
@Entity({ name: 'approval_delegation' })
export class ApprovalDelegationEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('uuid', { name: 'from_id' })
  fromId: string;

  @Column('uuid', { name: 'to_id' })
  toId: string;

  @Column({ type: 'timestamptz', precision: 3 })
  until: Date;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;
}
