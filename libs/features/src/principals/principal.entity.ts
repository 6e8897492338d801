import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { PrincipalKind } from '@claviger/kernel';

/** A user or a service account. */
@Entity({ name: 'principal' })
@Index('uq_principal_name', ['storeId', 'name'], { unique: true })
@Check('ck_principal_kind', `kind in ('user', 'service-account')`)
@Check('ck_principal_password', `password_hash is null or kind = 'user'`)
export class PrincipalEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column('text')
  kind: PrincipalKind;

  @Column({ type: 'text', collation: 'C' })
  name: string;

  @Column('text', { name: 'display_name' })
  displayName: string;

  /** Its own, besides those of its groups. */
  @Column('text', { array: true })
  policies: string[];

  @Column('boolean', { name: 'is_disabled', default: false })
  isDisabled: boolean;

  /** How long the tokens of its log-ins live; null for the usual time. */
  @Column('integer', { name: 'token_ttl_seconds', nullable: true })
  tokenTtlSeconds: number | null;

  /** Argon2id in PHC string format; null for who has no password. */
  @Column('text', { name: 'password_hash', nullable: true, select: false })
  passwordHash: string | null;

  /** Wrong passwords since the last right one. */
  @Column('integer', { name: 'failed_logins', default: 0 })
  failedLogins: number;

  @Column({ type: 'timestamptz', name: 'locked_until', precision: 3, nullable: true })
  lockedUntil: Date | null;

  @Column({ type: 'timestamptz', name: 'last_login_at', precision: 3, nullable: true })
  lastLoginAt: Date | null;

  @Column('integer', { default: 1 })
  revision: number;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt: Date;
}
