import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A file that holds a stretch of the log, and whether that stretch was dropped. */
@Entity('audit_export')
export class AuditExportEntity {
  @PrimaryColumn('uuid', { name: 'store_id', primaryKeyConstraintName: 'pk_audit_export' })
  storeId: string;

  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'pk_audit_export' })
  number: string;

  @Column('date', { name: 'through_day' })
  throughDay: string;

  @Column('bigint', { name: 'first_seal' })
  firstSeal: string;

  @Column('bigint', { name: 'last_seal' })
  lastSeal: string;

  @Column('bytea', { name: 'last_seal_hash' })
  lastSealHash: Buffer;

  @Column('text')
  file: string;

  @Column('bytea')
  sha256: Buffer;

  @Column('bigint')
  entries: string;

  @Column('integer', { name: 'kept_count' })
  keptCount: number;

  @Column('bytea', { name: 'kept_root' })
  keptRoot: Buffer;

  @Column({ type: 'timestamptz', name: 'exported_at', precision: 3 })
  exportedAt: Date;

  @Column('text', { name: 'key_id' })
  keyId: string;

  @Column('bytea')
  signature: Buffer;

  /** Null while the entries are in the database still. */
  @Column({ type: 'timestamptz', name: 'dropped_at', precision: 3, nullable: true })
  droppedAt: Date | null;
}
