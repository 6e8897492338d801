import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { SecretState } from './facts/secret-state.js';
import type { Severity } from './rule.js';

/** When a secret is to be looked at next. One row for every secret that lives. */
@Entity({ name: 'compliance_state' })
export class ComplianceStateEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid', { name: 'secret_id' })
  secretId: string;

  @Column({ type: 'timestamptz', name: 'due_at', precision: 3 })
  dueAt: Date;

  @Column({ type: 'timestamptz', name: 'evaluated_at', precision: 3, nullable: true })
  evaluatedAt: Date | null;

  /** Of the current version when it was looked at last, so that equal values are found by an index that no write of content pays for. */
  @Column('text', { nullable: true })
  fingerprint: string | null;
}

/** What was known of a secret from one moment to another: everything that facts are made of, but the time. */
@Entity({ name: 'compliance_snapshot' })
export class ComplianceSnapshotEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('uuid', { name: 'secret_id' })
  secretId: string;

  @Column('integer')
  version: number;

  @Column('text')
  name: string;

  @Column('text')
  type: string;

  @Column('uuid', { name: 'source_profile_id' })
  sourceProfileId: string;

  @Column('text', { nullable: true })
  owner: string | null;

  @Column('jsonb')
  labels: Record<string, string>;

  @Column('jsonb')
  state: SecretState;

  @Column({ type: 'timestamptz', name: 'from_at', precision: 3 })
  fromAt: Date;

  @Column({ type: 'timestamptz', name: 'to_at', precision: 3, nullable: true })
  toAt: Date | null;
}

/** That a version of a profile judged a version of a secret, from one moment to another. */
@Entity({ name: 'compliance_evaluation' })
export class ComplianceEvaluationEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('uuid', { name: 'secret_id' })
  secretId: string;

  @Column('integer')
  version: number;

  @Column('uuid', { name: 'profile_id' })
  profileId: string;

  @Column('integer', { name: 'profile_version' })
  profileVersion: number;

  @Column({ type: 'timestamptz', name: 'from_at', precision: 3 })
  fromAt: Date;

  @Column({ type: 'timestamptz', name: 'to_at', precision: 3, nullable: true })
  toAt: Date | null;
}

/** That a version of a secret broke a rule, from one moment to another. */
@Entity({ name: 'compliance_finding' })
export class ComplianceFindingEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('uuid', { name: 'secret_id' })
  secretId: string;

  @Column('integer')
  version: number;

  @Column('uuid', { name: 'profile_id' })
  profileId: string;

  @Column('integer', { name: 'profile_version' })
  profileVersion: number;

  @Column('text', { name: 'rule_id' })
  ruleId: string;

  @Column('text')
  severity: Severity;

  @Column({ type: 'timestamptz', name: 'from_at', precision: 3 })
  fromAt: Date;

  @Column({ type: 'timestamptz', name: 'to_at', precision: 3, nullable: true })
  toAt: Date | null;
}
