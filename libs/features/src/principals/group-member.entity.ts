import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { GroupEntity } from './group.entity.js';
import { PrincipalEntity } from './principal.entity.js';

@Entity({ name: 'group_member' })
@Index('ix_group_member_group', ['groupId', 'storeId'])
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

  @Column({ type: 'timestamptz', name: 'created_at', precision: 3, default: () => 'now()' })
  createdAt: Date;
}
