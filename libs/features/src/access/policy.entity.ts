import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A policy that somebody wrote. */
@Entity({ name: 'policy' })
@Index('uq_policy_name', ['storeId', 'name'], { unique: true })
export class PolicyEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column({ type: 'text', collation: 'C' })
  name: string;

  @Column('text', { default: '' })
  description: string;

  /** As it was sent. */
  @Column('text')
  text: string;

  @Column('integer', { default: 1 })
  revision: number;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt: Date;
}
