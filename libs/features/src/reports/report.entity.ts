import { Check, Column, Entity, PrimaryColumn } from 'typeorm';
import type { Requester } from '@claviger/features/changes';
import type { ReportFormat, ReportKind, ReportParameters } from './report-parameters.js';
import type { SealHead } from './report-manifest.js';

export const REPORT_STATES = ['queued', 'running', 'done', 'failed', 'expired'] as const;
export type ReportState = (typeof REPORT_STATES)[number];

/** A report that somebody asked for, and what became of it. Its documents lie beside it. */
@Entity({ name: 'report' })
@Check('ck_report_state', `state in ('queued', 'running', 'done', 'failed', 'expired')`)
export class ReportEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  kind: ReportKind;

  @Column('jsonb')
  parameters: ReportParameters;

  @Column('text', { array: true })
  formats: ReportFormat[];

  @Column('text', { default: 'queued' })
  state: ReportState;

  @Column('jsonb', { name: 'requested_by' })
  requestedBy: Requester;

  /** Name of the schedule that asked for it; null where somebody did. */
  @Column('text', { nullable: true })
  schedule: string | null;

  /** How many things were looked at so far, of how many: what was known when drawing began. */
  @Column('integer', { default: 0 })
  scanned: number;

  @Column('integer', { nullable: true })
  expected: number | null;

  /** What it says was so then. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  moment: Date | null;

  @Column('jsonb', { nullable: true })
  seal: SealHead | null;

  /** Who is drawing it, until {@link leasedUntil}. */
  @Column('uuid', { nullable: true })
  claim: string | null;

  @Column({ type: 'timestamptz', name: 'leased_until', precision: 3, nullable: true })
  leasedUntil: Date | null;

  @Column('integer', { default: 0 })
  attempts: number;

  @Column({ type: 'timestamptz', name: 'next_attempt_at', precision: 3 })
  nextAttemptAt: Date;

  @Column('text', { name: 'error_code', nullable: true })
  errorCode: string | null;

  @Column('text', { name: 'error_message', nullable: true })
  errorMessage: string | null;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3 })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'ended_at', precision: 3, nullable: true })
  endedAt: Date | null;

  /** When its documents are erased. */
  @Column({ type: 'timestamptz', name: 'expires_at', precision: 3, nullable: true })
  expiresAt: Date | null;
}

/** One form of a report: what is known of it without its bytes. It outlives them. */
@Entity({ name: 'report_document' })
export class ReportDocumentEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid', { name: 'report_id' })
  reportId: string;

  @PrimaryColumn('text')
  format: ReportFormat;

  @Column('integer')
  bytes: number;

  /** Hexadecimal. */
  @Column('text')
  sha256: string;

  /** The attempt whose chunks it is made of. */
  @Column('uuid')
  claim: string;

  /** Compact JWS over the manifest. */
  @Column('text')
  signature: string;

  /** The store's audit key that the signing key is derived from. */
  @Column('text', { name: 'audit_key_id' })
  auditKeyId: string;
}

/** A piece of a document. Those of an attempt that was given up are never read. */
@Entity({ name: 'report_chunk' })
export class ReportChunkEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid', { name: 'report_id' })
  reportId: string;

  @PrimaryColumn('uuid')
  claim: string;

  @PrimaryColumn('text')
  format: ReportFormat;

  @PrimaryColumn('integer')
  number: number;

  @Column('bytea')
  bytes: Buffer;
}
