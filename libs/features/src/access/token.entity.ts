import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';

/** A token. Its text is not kept: only a keyed hash of it. */
@Entity({ name: 'token' })
@Index('uq_token_hash', ['hash', 'storeId'], { unique: true })
@Index('uq_token_accessor', ['accessor', 'storeId'], { unique: true })
@Index('ix_token_parent', ['parentId', 'storeId'])
@Index('ix_token_expiry', ['expiresAt'])
@Index('ix_token_principal', ['principalId', 'storeId'])
@Check('ck_token_parent', '(parent_id is null) = (cardinality(ancestors) = 0)')
@Check('ck_token_expiry', '(ttl_seconds is null) = (expires_at is null)')
@Check('ck_token_uses', '(max_uses is null) = (uses_left is null)')
@Check('ck_token_uses_left', 'uses_left >= 0')
export class TokenEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('bytea', { select: false })
  hash: Buffer;

  @Column('text', { name: 'hash_key_id', select: false })
  hashKeyId: string;

  /** Names the token without giving its power. */
  @Column({ type: 'text', collation: 'C' })
  accessor: string;

  @Column('uuid', { name: 'parent_id', nullable: true })
  parentId: string | null;

  @ManyToOne(() => TokenEntity, { onDelete: 'CASCADE' })
  @JoinColumn([
    { name: 'store_id', referencedColumnName: 'storeId', foreignKeyConstraintName: 'fk_token_parent' },
    { name: 'parent_id', referencedColumnName: 'id', foreignKeyConstraintName: 'fk_token_parent' },
  ])
  parent: Relation<TokenEntity> | null;

  /** Whom it belongs to: for that of a log-in and what descends from it. It goes when they go. */
  @Column('uuid', { name: 'principal_id', nullable: true })
  principalId: string | null;

  /** The login issuer that it was got by, where it was: what that issuer gave its principal holds for such tokens alone. */
  @Column('uuid', { name: 'login_issuer_id', nullable: true })
  loginIssuerId: string | null;

  /** The user who made it, or the credential that it was got with, where it belongs to no user. They may be gone by now. */
  @Column('uuid', { name: 'sponsor_id', nullable: true })
  sponsorId: string | null;

  /** From the root of the chain to the parent. */
  @Column('uuid', { array: true, default: [] })
  ancestors: string[];

  @Column('text', { name: 'display_name' })
  displayName: string;

  @Column('text', { array: true })
  policies: string[];

  @Column('boolean', { name: 'is_renewable' })
  isRenewable: boolean;

  /** How long it was given, and is renewed for; null never ends. */
  @Column('integer', { name: 'ttl_seconds', nullable: true })
  ttlSeconds: number | null;

  /** No renewal goes beyond so long after it was made. */
  @Column('integer', { name: 'max_ttl_seconds', nullable: true })
  maxTtlSeconds: number | null;

  @Column({ type: 'timestamptz', name: 'expires_at', precision: 3, nullable: true })
  expiresAt: Date | null;

  /** How many requests it is good for; null is no limit. */
  @Column('integer', { name: 'max_uses', nullable: true })
  maxUses: number | null;

  @Column('integer', { name: 'uses_left', nullable: true })
  usesLeft: number | null;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3 })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'renewed_at', precision: 3, nullable: true })
  renewedAt: Date | null;

  @Column({ type: 'timestamptz', name: 'last_used_at', precision: 3, nullable: true })
  lastUsedAt: Date | null;

  @Column('text', { name: 'last_used_address', nullable: true })
  lastUsedAddress: string | null;
}
