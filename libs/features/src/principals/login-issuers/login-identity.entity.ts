import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { PrincipalEntity } from '../principal.entity.js';
import { LoginIssuerEntity } from './login-issuer.entity.js';

/** Whom a subject of an issuer stands for. A principal has one identity at most. */
@Entity({ name: 'login_identity' })
@Index('uq_login_identity_principal', ['storeId', 'principalId'], { unique: true })
export class LoginIdentityEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid', { name: 'issuer_id' })
  issuerId: string;

  @PrimaryColumn('text')
  subject: string;

  @Column('uuid', { name: 'principal_id' })
  principalId: string;

  @ManyToOne(() => LoginIssuerEntity, { onDelete: 'CASCADE' })
  @JoinColumn([
    { name: 'store_id', referencedColumnName: 'storeId', foreignKeyConstraintName: 'fk_login_identity_issuer' },
    { name: 'issuer_id', referencedColumnName: 'id', foreignKeyConstraintName: 'fk_login_identity_issuer' },
  ])
  issuer: Relation<LoginIssuerEntity>;

  @ManyToOne(() => PrincipalEntity, { onDelete: 'CASCADE' })
  @JoinColumn([
    { name: 'store_id', referencedColumnName: 'storeId', foreignKeyConstraintName: 'fk_login_identity_principal' },
    { name: 'principal_id', referencedColumnName: 'id', foreignKeyConstraintName: 'fk_login_identity_principal' },
  ])
  principal: Relation<PrincipalEntity>;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;
}
