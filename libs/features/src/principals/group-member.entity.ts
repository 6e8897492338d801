import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { LoginIssuerEntity } from './login-issuers/login-issuer.entity.js';
import { GroupEntity } from './group.entity.js';
import { PrincipalEntity } from './principal.entity.js';

@Entity({ name: 'group_member' })
@Index('ix_group_member_group', ['groupId', 'storeId'])
@Index('ix_group_member_issuer', ['issuerId', 'storeId'])
export class GroupMemberEntity {
  @PrimaryColumn('uuid', { name: 'store_id' })
  storeId: string;

  @PrimaryColumn('uuid', { name: 'principal_id' })
  principalId: string;

  @PrimaryColumn('uuid', { name: 'group_id' })
  groupId: string;

  @ManyToOne(() => PrincipalEntity, { onDelete: 'CASCADE' })
  @JoinColumn([
    { name: 'store_id', referencedColumnName: 'storeId', foreignKeyConstraintName: 'fk_group_member_principal' },
    { name: 'principal_id', referencedColumnName: 'id', foreignKeyConstraintName: 'fk_group_member_principal' },
  ])
  principal: Relation<PrincipalEntity>;

  @ManyToOne(() => GroupEntity, { onDelete: 'CASCADE' })
  @JoinColumn([
    { name: 'store_id', referencedColumnName: 'storeId', foreignKeyConstraintName: 'fk_group_member_group' },
    { name: 'group_id', referencedColumnName: 'id', foreignKeyConstraintName: 'fk_group_member_group' },
  ])
  group: Relation<GroupEntity>;

  /** The login issuer that gave the membership and takes it away; null for one that somebody gave by hand. */
  @Column('uuid', { name: 'issuer_id', nullable: true })
  issuerId: string | null;

  @ManyToOne(() => LoginIssuerEntity, { onDelete: 'CASCADE' })
  @JoinColumn([
    { name: 'store_id', referencedColumnName: 'storeId', foreignKeyConstraintName: 'fk_group_member_issuer' },
    { name: 'issuer_id', referencedColumnName: 'id', foreignKeyConstraintName: 'fk_group_member_issuer' },
  ])
  issuer: Relation<LoginIssuerEntity> | null;

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;
}
