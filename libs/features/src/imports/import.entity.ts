import type { Requester } from '@claviger/features/changes';
import type { SecretType } from '@claviger/features/secrets';
import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** `scanning` goes on by itself; the other two are its ends. */
export const IMPORT_STATES = ['scanning', 'ready', 'failed'] as const;
export type ImportState = (typeof IMPORT_STATES)[number];

/** One look at what lies in the vault of a profile and belongs to no secret. */
@Entity({ name: 'vault_import' })
@Check('ck_vault_import_state', `state in ('scanning', 'ready', 'failed')`)
export class ImportEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  state: ImportState;

  @Column('text', { name: 'vault_profile' })
  vaultProfile: string;

  /** Below the profile's prefix; empty for all of it. */
  @Column('text')
  folder: string;

  /** It ends when it has found so many. */
  @Column('integer', { name: 'max_found' })
  maxFound: number;

  @Column('jsonb', { name: 'requested_by' })
  requestedBy: Requester;

  /** Of the token that asked for it, and with which it is made. */
  @Column('uuid', { name: 'token_id' })
  tokenId: string;

  /** Where the next page of the vault begins. */
  @Column('text', { nullable: true })
  cursor: string | null;

  @Column('integer', { default: 0 })
  found: number;

  @Column('integer', { default: 0 })
  known: number;

  @Column('integer', { default: 0 })
  hidden: number;

  /** There is more than was to be found. */
  @Column('boolean', { name: 'is_cut_off', default: false })
  isCutOff: boolean;

  @Column('text', { nullable: true })
  code: string | null;

  @Column('text', { nullable: true })
  message: string | null;

  @Column('text', { name: 'lease_owner', nullable: true })
  leaseOwner: string | null;

  @Column({ type: 'timestamptz', name: 'lease_until', precision: 3, nullable: true })
  leaseUntil: Date | null;

  @Column({ type: 'timestamptz', name: 'expires_at', precision: 3 })
  expiresAt: Date;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'scanned_at', precision: 3, nullable: true })
  scannedAt: Date | null;
}

/** One object that was found. Nothing of its content but the keyed fingerprint, which stays inside. */
@Entity({ name: 'vault_import_item' })
export class ImportItemEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid', { name: 'import_id' })
  importId: string;

  /** In the order in which they were found, from 1. */
  @PrimaryColumn('integer')
  number: number;

  @Column('text', { name: 'physical_name' })
  physicalName: string;

  /** What its secret would be called; null when it cannot be one. */
  @Column('text', { nullable: true })
  name: string | null;

  /** What it can be, the likeliest first. */
  @Column('jsonb', { default: [] })
  types: readonly SecretType[];

  @Column('boolean', { name: 'is_certain', default: false })
  isCertain: boolean;

  @Column('text', { nullable: true })
  fingerprint: string | null;

  @Column('text', { nullable: true })
  code: string | null;

  @Column('text', { nullable: true })
  message: string | null;

  /** The last plan that it was chosen for. */
  @Column('uuid', { name: 'plan_id', nullable: true })
  planId: string | null;
}
