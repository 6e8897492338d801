import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { PrincipalEntity } from './principal.entity.js';

/** One of the secrets that a service account logs in with. Its text is not kept: only a keyed hash of it. */
@Entity({ name: 'client_credential' })
@Index('uq_client_credential_hash', ['hash', 'storeId'], { unique: true })
@Index('ix_client_credential_principal', ['principalId', 'storeId'])
export class ClientCredentialEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('uuid', { name: 'principal_id' })
  principalId: string;

  @ManyToOne(() => PrincipalEntity, { onDelete: 'CASCADE' })
  @JoinColumn([
    { name: 'store_id', referencedColumnName: 'storeId', foreignKeyConstraintName: 'fk_client_credential_principal' },
    { name: 'principal_id', referencedColumnName: 'id', foreignKeyConstraintName: 'fk_client_credential_principal' },
  ])
  principal: Relation<PrincipalEntity>;

  /** The user who made it, where that is known. They may be gone by now. */
  @Column('uuid', { name: 'sponsor_id', nullable: true })
  sponsorId: string | null;

  /** For people: where it is used. */
  @Column('text')
  label: string;

  @Column('bytea', { select: false })
  hash: Buffer;

  @Column('text', { name: 'hash_key_id', select: false })
  hashKeyId: string;

  @Column({ type: 'timestamptz', name: 'expires_at', precision: 3, nullable: true })
  expiresAt: Date | null;

  @Column({ type: 'timestamptz', name: 'last_used_at', precision: 3, nullable: true })
  lastUsedAt: Date | null;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;
}
