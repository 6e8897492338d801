import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { GatedKind, Requester } from '@claviger/features/changes';
import type { Condition } from '@claviger/features/rules';

/** Who decides at one step: as ids of users and groups, and names of policies. */
export type ApprovalStep = {
  readonly users: readonly string[];
  readonly groups: readonly string[];
  readonly policies: readonly string[];
  /** How many of them must approve. */
  readonly votes: number;
  /** How long they have for it, from when the step opens. */
  readonly expiresAfterSeconds: number;
};

/** An approval profile; what it says is in the rows of its versions. */
@Entity({ name: 'approval_profile' })
export class ApprovalProfileEntity {
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

/** What an approval profile says, or said. Never changed. */
@Entity({ name: 'approval_profile_version' })
export class ApprovalProfileVersionEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid', { name: 'profile_id' })
  profileId: string;

  @PrimaryColumn('integer')
  version: number;

  @Column('text')
  description: string;

  @Column('text', { array: true })
  kinds: GatedKind[];

  @Column('jsonb', { nullable: true })
  condition: Condition | null;

  @Column('jsonb')
  steps: ApprovalStep[];

  @Column('jsonb', { name: 'created_by' })
  createdBy: Requester;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;
}
