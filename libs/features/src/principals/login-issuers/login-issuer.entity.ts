import type { PrincipalKind } from '@claviger/kernel';
import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { Algorithm } from './login-issuer-input.policy.js';
import type { BoundClaim } from './claims.policy.js';

/** An issuer of JWTs that people and services log in with. What its identities mean never changes: issuer, subject, kind. */
@Entity({ name: 'login_issuer' })
@Index('uq_login_issuer_name', ['storeId', 'name'], { unique: true })
@Check('ck_login_issuer_kind', `kind in ('user', 'service-account')`)
export class LoginIssuerEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid')
  id: string;

  @Column({ type: 'text', collation: 'C' })
  name: string;

  /** What `iss` must be, letter by letter. */
  @Column('text')
  issuer: string;

  /** One of which `aud` must have. */
  @Column('text', { array: true })
  audiences: string[];

  @Column('text', { array: true })
  algorithms: Algorithm[];

  /** Where its keys are; null for where its discovery document says. */
  @Column('text', { name: 'jwks_url', nullable: true })
  jwksUrl: string | null;

  /** PEM of the only authorities trusted for its addresses; null for those that Node trusts. */
  @Column('text', { name: 'ca_certificate', nullable: true })
  caCertificate: string | null;

  @Column('jsonb', { name: 'bound_claims' })
  boundClaims: BoundClaim[];

  /** The claim that tells its subjects apart. */
  @Column('text', { name: 'subject_claim' })
  subjectClaim: string;

  /** The claim that a principal is named by when it is made. */
  @Column('text', { name: 'name_claim' })
  nameClaim: string;

  @Column('text', { name: 'display_name_claim', nullable: true })
  displayNameClaim: string | null;

  @Column('text', { name: 'groups_claim', nullable: true })
  groupsClaim: string | null;

  /** What its subjects are here. */
  @Column('text')
  kind: PrincipalKind;

  /** Whether a subject that is not known yet is made a principal. */
  @Column('boolean')
  provisions: boolean;

  /** How long the tokens of its log-ins live, unless the principal says otherwise; null for the usual time. */
  @Column('integer', { name: 'token_ttl_seconds', nullable: true })
  tokenTtlSeconds: number | null;

  /** By how much its clock may differ from ours. */
  @Column('integer', { name: 'leeway_seconds' })
  leewaySeconds: number;

  /** The longest time from `iat` to `exp`. */
  @Column('integer', { name: 'max_lifetime_seconds' })
  maxLifetimeSeconds: number;

  @Column('boolean', { name: 'is_disabled', default: false })
  isDisabled: boolean;

  @Column('integer', { default: 1 })
  revision: number;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;

  @Column({ type: 'timestamptz', name: 'updated_at', precision: 3, default: () => 'now()' })
  updatedAt: Date;
}
