import { newId, type RequestContext } from '@claviger/kernel';
import { Database, isUniqueViolation } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { In, MoreThan } from 'typeorm';
import { GroupEntity } from './group.entity.js';
import { GroupMemberEntity } from './group-member.entity.js';
import { PrincipalEntity } from './principal.entity.js';
import { groupExists } from './principals.errors.js';

type NewRow = Pick<GroupEntity, 'name' | 'description' | 'policies'>;

/** The rows of groups and of who is in them. */
@Injectable()
export class GroupRepository {
  constructor(private readonly database: Database) {}

  /** @throws AppError GROUP_EXISTS */
  async insert(tx: RequestContext, row: NewRow): Promise<GroupEntity> {
    const repository = this.database.repository(tx, GroupEntity);
    const id = newId();
    try {
      await repository.insert({ ...row, storeId: tx.storeId, id });
    } catch (error) {
      if (isUniqueViolation(error, 'uq_principal_group_name')) throw groupExists(row.name);
      throw error;
    }
    return repository.findOneByOrFail({ storeId: tx.storeId, id });
  }

  async find(ctx: RequestContext, name: string): Promise<GroupEntity | undefined> {
    const where = { storeId: ctx.storeId, name };
    return (await this.database.repository(ctx, GroupEntity).findOneBy(where)) ?? undefined;
  }

  /** The same, kept from being changed or removed until the transaction ends. */
  async lock(tx: RequestContext, name: string): Promise<GroupEntity | undefined> {
    const where = { storeId: tx.storeId, name };
    const lock = { mode: 'pessimistic_write' } as const;
    return (await this.database.repository(tx, GroupEntity).findOne({ where, lock })) ?? undefined;
  }

  /** By name, from the one after `after`. */
  list(ctx: RequestContext, limit: number, after = ''): Promise<GroupEntity[]> {
    const where = { storeId: ctx.storeId, name: MoreThan(after) };
    return this.database.repository(ctx, GroupEntity).find({ where, order: { name: 'ASC' }, take: limit });
  }

  /** Changes a row, counts its revision up and gives it as it is then. */
  async update(tx: RequestContext, id: string, changes: Partial<Omit<NewRow, 'name'>>): Promise<GroupEntity> {
    const repository = this.database.repository(tx, GroupEntity);
    const where = { storeId: tx.storeId, id };
    await repository.update(where, { ...changes, revision: () => 'revision + 1', updatedAt: () => 'now()' });
    return repository.findOneByOrFail(where);
  }

  async remove(tx: RequestContext, id: string): Promise<void> {
    await this.database.repository(tx, GroupEntity).delete({ storeId: tx.storeId, id });
  }

  /** By hand: what a login issuer gave stays from now on. Whether that is new. */
  async addMember(tx: RequestContext, groupId: string, principalId: string): Promise<boolean> {
    const rows = (await this.database.manager(tx).query(
      `insert into group_member as m (store_id, group_id, principal_id) values ($1, $2, $3)
       on conflict (store_id, principal_id, group_id) do update set issuer_id = null where m.issuer_id is not null
       returning m.principal_id`,
      [tx.storeId, groupId, principalId],
    )) as unknown[];
    return rows.length > 0;
  }

  /** Whether it was a member before. */
  async removeMember(tx: RequestContext, groupId: string, principalId: string): Promise<boolean> {
    const where = { storeId: tx.storeId, groupId, principalId };
    return (await this.database.repository(tx, GroupMemberEntity).delete(where)).affected === 1;
  }

  /** By name, from the one after `after`. */
  listMembers(ctx: RequestContext, groupId: string, limit: number, after = ''): Promise<PrincipalEntity[]> {
    return this.database
      .repository(ctx, PrincipalEntity)
      .createQueryBuilder('p')
      .innerJoin(GroupMemberEntity, 'm', 'm.store_id = p.store_id and m.principal_id = p.id')
      .where('p.store_id = :storeId and m.group_id = :groupId', { storeId: ctx.storeId, groupId })
      .andWhere('p.name > :after', { after })
      .orderBy('p.name')
      .limit(limit)
      .getMany();
  }

  /** Names of the groups of principals, by name, for each that is in one. */
  async namesOf(ctx: RequestContext, principalIds: readonly string[]): Promise<ReadonlyMap<string, string[]>> {
    const names = new Map<string, string[]>();
    if (principalIds.length === 0) return names;
    const where = { storeId: ctx.storeId, principalId: In(principalIds) };
    const order = { group: { name: 'ASC' } } as const;
    const members = this.database.repository(ctx, GroupMemberEntity);
    for (const { principalId, group } of await members.find({ where, relations: { group: true }, order }))
      names.set(principalId, [...(names.get(principalId) ?? []), group.name]);
    return names;
  }

  /** The groups of one principal, by name. */
  listOf(ctx: RequestContext, principalId: string): Promise<GroupEntity[]> {
    return this.database
      .repository(ctx, GroupEntity)
      .createQueryBuilder('g')
      .innerJoin(GroupMemberEntity, 'm', 'm.store_id = g.store_id and m.group_id = g.id')
      .where('g.store_id = :storeId and m.principal_id = :principalId', { storeId: ctx.storeId, principalId })
      .orderBy('g.name')
      .getMany();
  }
}
