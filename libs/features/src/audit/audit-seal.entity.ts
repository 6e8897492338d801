import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

@Entity('audit_seal')
@Index('ix_audit_seal_epoch', ['storeId', 'epoch', 'number'])
export class AuditSealEntity {
  @PrimaryColumn('uuid', { name: 'store_id', primaryKeyConstraintName: 'pk_audit_seal' })
  storeId: string;

  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'pk_audit_seal' })
  number: string;

  @Column('bigint')
  epoch: string;

  @Column('bigint', { name: 'watermark_tx' })
  watermarkTx: string;

  @Column('uuid', { name: 'watermark_id' })
  watermarkId: string;

  @Column('integer', { name: 'batch_count' })
  batchCount: number;

  @Column('bytea', { name: 'merkle_root' })
  merkleRoot: Buffer;

  @Column('bytea', { name: 'previous_hash' })
  previousHash: Buffer;

  @Column({ type: 'timestamptz', name: 'sealed_at', precision: 3 })
  sealedAt: Date;

  @Column('text', { name: 'key_id' })
  keyId: string;

  @Column('bytea')
  signature: Buffer;
}
