import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { InstanceLimits } from './vault-instance.schema.js';

/** A connection to one outside vault. A removed one keeps its row, because profiles and history name it. */
@Entity({ name: 'vault_instance' })
@Check('ck_vault_instance_credentials', '(credentials is null) = (deleted_at is not null)')
@Index('uq_vault_instance_name', ['storeId', 'name'], { unique: true, where: 'deleted_at is null' })
export class VaultInstanceEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column({ type: 'text', collation: 'C' })
  name: string;

  @Column('text')
  kind: string;

  @Column('text', { default: '' })
  description: string;

  /** As it was given; the kind's schema fills in defaults each time it is read. */
  @Column('jsonb')
  config: Record<string, unknown>;

  /** Sealed JSON. Null once removed. */
  @Column('bytea', { nullable: true, select: false })
  credentials: Buffer | null;

  @Column('jsonb', { default: {} })
  limits: InstanceLimits;

  /** Names the server behind the address; null until it was reached. */
  @Column('text', { name: 'server_identity', nullable: true })
  serverIdentity: string | null;

  @Column('integer', { default: 1 })
  revision: number;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt: Date;

  @Column({ type: 'timestamptz', name: 'deleted_at', precision: 3, nullable: true })
  deletedAt: Date | null;
}
