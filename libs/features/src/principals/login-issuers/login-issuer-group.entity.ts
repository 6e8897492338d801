import { Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { GroupEntity } from '../group.entity.js';
import { LoginIssuerEntity } from './login-issuer.entity.js';

/** Whoever has this value in the groups claim of an issuer's tokens is in this group. */
@Entity({ name: 'login_issuer_group' })
@Index('ix_login_issuer_group_group', ['groupId', 'storeId'])
export class LoginIssuerGroupEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid', { name: 'issuer_id' })
  issuerId: string;

  @PrimaryColumn('text', { name: 'claim_value' })
  claimValue: string;

  /** Not by its name: a group that is deleted and made again is another one. */
  @PrimaryColumn('uuid', { name: 'group_id' })
  groupId: string;

  @ManyToOne(() => LoginIssuerEntity, { onDelete: 'CASCADE' })
  @JoinColumn([
    { name: 'store_id', referencedColumnName: 'storeId', foreignKeyConstraintName: 'fk_login_issuer_group_issuer' },
    { name: 'issuer_id', referencedColumnName: 'id', foreignKeyConstraintName: 'fk_login_issuer_group_issuer' },
  ])
  issuer: Relation<LoginIssuerEntity>;

  @ManyToOne(() => GroupEntity, { onDelete: 'CASCADE' })
  @JoinColumn([
    { name: 'store_id', referencedColumnName: 'storeId', foreignKeyConstraintName: 'fk_login_issuer_group_group' },
    { name: 'group_id', referencedColumnName: 'id', foreignKeyConstraintName: 'fk_login_issuer_group_group' },
  ])
  group: Relation<GroupEntity>;
}
