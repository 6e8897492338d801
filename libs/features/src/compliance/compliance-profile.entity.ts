import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Requester } from '@claviger/features/changes';
import type { Rule } from './rule.js';

/** A compliance profile; what it says is in the rows of its versions. */
@Entity({ name: 'compliance_profile' })
export class ComplianceProfileEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column({ type: 'text', collation: 'C' })
  name: string;

  /** The one in force. */
  @Column('integer')
  version: number;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt: Date;

  @Column({ type: 'timestamptz', name: 'deleted_at', precision: 3, nullable: true })
  deletedAt: Date | null;
}

/** What a compliance profile says, or said, and of what. Never changed. */
@Entity({ name: 'compliance_profile_version' })
export class ComplianceProfileVersionEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid', { name: 'profile_id' })
  profileId: string;

  @PrimaryColumn('integer')
  version: number;

  @Column('text')
  description: string;

  /** Whole, those out of packs too: a later release may change a pack, and not what was judged. */
  @Column('jsonb')
  rules: Rule[];

  @Column('uuid', { name: 'vault_profiles', array: true })
  vaultProfiles: string[];

  @Column('jsonb', { name: 'label_selectors' })
  labelSelectors: Record<string, string>[];

  @Column('jsonb', { name: 'created_by' })
  createdBy: Requester;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;
}
