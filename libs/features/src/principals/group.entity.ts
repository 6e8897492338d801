import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A group of principals; its members have its policies. */
@Entity({ name: 'principal_group' })
@Index('uq_principal_group_name', ['storeId', 'name'], { unique: true })
export class GroupEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column({ type: 'text', collation: 'C' })
  name: string;

  @Column('text')
  description: string;

  @Column('text', { array: true })
  policies: string[];

  @Column('integer', { default: 1 })
  revision: number;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt: Date;
}
