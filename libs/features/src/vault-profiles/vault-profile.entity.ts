import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { VaultInstanceEntity } from './vault-instance.entity.js';
import type { ProfileLimits, Repair } from './vault-profile.schema.js';

/** A named way to use an instance. A removed one keeps its row, because secrets' history names it. */
@Entity({ name: 'vault_profile' })
@Index('uq_vault_profile_name', ['storeId', 'name'], { unique: true, where: 'deleted_at is null' })
@Index('ix_vault_profile_instance', ['storeId', 'instanceId'])
export class VaultProfileEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column({ type: 'text', collation: 'C' })
  name: string;

  @Column('text', { default: '' })
  description: string;

  @Column('uuid', { name: 'instance_id' })
  instanceId: string;

  @ManyToOne(() => VaultInstanceEntity)
  @JoinColumn([
    { name: 'store_id', referencedColumnName: 'storeId', foreignKeyConstraintName: 'fk_vault_profile_instance' },
    { name: 'instance_id', referencedColumnName: 'id', foreignKeyConstraintName: 'fk_vault_profile_instance' },
  ])
  instance: Relation<VaultInstanceEntity>;

  @Column('text')
  mount: string;

  @Column('text', { default: '' })
  prefix: string;

  @Column('text', { default: 'auto' })
  flavour: string;

  @Column('text', { name: 'name_template', default: '{name}' })
  nameTemplate: string;

  @Column('text', { name: 'default_owner', nullable: true })
  defaultOwner: string | null;

  @Column('jsonb', { name: 'default_labels', default: {} })
  defaultLabels: Record<string, string>;

  @Column('jsonb', { default: {} })
  limits: ProfileLimits;

  @Column('text', { default: 'report' })
  repair: Repair;

  /** Name of the approval profile that gates what it holds, and itself. */
  @Column('text', { name: 'approval_profile', nullable: true })
  approvalProfile: string | null;

  @Column('boolean', { name: 'is_enabled', default: true })
  isEnabled: boolean;

  @Column('integer', { default: 1 })
  revision: number;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt: Date;

  @Column({ type: 'timestamptz', name: 'deleted_at', precision: 3, nullable: true })
  deletedAt: Date | null;
}
