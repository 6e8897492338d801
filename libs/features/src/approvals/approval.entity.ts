import { Check, Column, Entity, PrimaryColumn, Unique } from 'typeorm';
import type { GateBinding, Requester } from '@claviger/features/changes';
import type { ApprovalStep } from './approval-profile.entity.js';

/** A step as it was when approval was asked for, and the profile that asks for it. */
export type BoundStep = ApprovalStep & { readonly profile: string };

/** Who did something in haste or about it, when and why. */
export type Deed = {
  readonly by: Requester;
  readonly at: string;
  readonly comment: string;
  /** Id of the user who stands behind `by`, where it is known. */
  readonly sponsorId?: string;
};

/** What a change that waits is waiting for. Its id is the change's. */
@Entity({ name: 'approval' })
export class ApprovalEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('jsonb')
  profiles: GateBinding['approvalProfiles'];

  /** Id of the user who stands behind who requested it, where it is known: nobody votes on what they asked for in another guise. */
  @Column('uuid', { name: 'sponsor_id', nullable: true })
  sponsorId: string | null;

  /** Ids of the vault profiles that it is about. */
  @Column('uuid', { name: 'vault_profiles', array: true })
  vaultProfiles: string[];

  @Column('jsonb')
  steps: BoundStep[];

  /** The one that is open, from 0. */
  @Column('integer', { default: 0 })
  step: number;

  /** Who decides at the open step, for the queue. */
  @Column('uuid', { name: 'open_users', array: true })
  openUsers: readonly string[];

  @Column('uuid', { name: 'open_groups', array: true })
  openGroups: readonly string[];

  @Column('text', { name: 'open_policies', array: true })
  openPolicies: readonly string[];

  @Column({ type: 'timestamptz', name: 'due_at', precision: 3 })
  dueAt: Date;

  /** When its approvers are to be reminded; null when they were. */
  @Column({ type: 'timestamptz', name: 'remind_at', precision: 3, nullable: true })
  remindAt: Date | null;

  @Column('jsonb', { name: 'break_glass', nullable: true })
  breakGlass: Deed | null;

  /** Who looked at the breaking of the glass afterwards. */
  @Column('jsonb', { nullable: true })
  reviewed: Deed | null;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'closed_at', precision: 3, nullable: true })
  closedAt: Date | null;
}

export const DECISIONS = ['approve', 'reject'] as const;
export type Decision = (typeof DECISIONS)[number];

/** One vote. Nobody votes twice, nor has two votes cast for them. */
@Entity({ name: 'approval_vote' })
@Unique('uq_approval_vote_represented', ['storeId', 'approvalId', 'representedId'])
@Check('ck_approval_vote_decision', `decision in ('approve', 'reject')`)
export class ApprovalVoteEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid', { name: 'approval_id' })
  approvalId: string;

  @PrimaryColumn('uuid', { name: 'voter_id' })
  voterId: string;

  /** Whose right to vote it was: the voter's, or that of who delegated it to them. */
  @Column('uuid', { name: 'represented_id' })
  representedId: string;

  @Column('text', { name: 'voter_name' })
  voterName: string;

  @Column('text', { name: 'represented_name' })
  representedName: string;

  @Column('integer')
  step: number;

  @Column('text')
  decision: Decision;

  @Column('text')
  comment: string;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;
}

/** What somebody said about a waiting change. */
@Entity({ name: 'approval_comment' })
export class ApprovalCommentEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('uuid', { name: 'approval_id' })
  approvalId: string;

  @Column('jsonb')
  author: Requester;

  @Column('text')
  text: string;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;
}
