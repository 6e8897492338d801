import type { PrincipalRef, RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { In } from 'typeorm';
import { GroupEntity } from './group.entity.js';
import { PrincipalEntity } from './principal.entity.js';

/** Who may decide: these users, the members of these groups (both by id), and the holders of these policies. */
export type VoterRule = {
  readonly users: readonly string[];
  readonly groups: readonly string[];
  readonly policies: readonly string[];
};

export type Voter = { readonly id: string; readonly name: string; readonly displayName: string };

type Named = { readonly id: string; readonly name: string };

/** Says which users a rule names, as they are now. Service accounts and disabled users never are. */
@Injectable()
export class Voters {
  constructor(private readonly database: Database) {}

  /** Those whom the rule names, by name. */
  list(ctx: RequestContext, rule: VoterRule, limit: number): Promise<Voter[]> {
    return this.#query(ctx, rule, null, limit);
  }

  async isNamed(ctx: RequestContext, rule: VoterRule, userId: string): Promise<boolean> {
    return (await this.#query(ctx, rule, userId, 1)).length > 0;
  }

  /** Users by id or name, disabled ones included. */
  async findUsers(ctx: RequestContext, by: 'id' | 'name', keys: readonly string[]): Promise<Named[]> {
    if (keys.length === 0) return [];
    const where = { storeId: ctx.storeId, kind: 'user', [by]: In(keys) } as const;
    return this.database
      .repository(ctx, PrincipalEntity)
      .find({ where, select: { storeId: true, id: true, name: true } });
  }

  /** Groups by id or name. */
  async findGroups(ctx: RequestContext, by: 'id' | 'name', keys: readonly string[]): Promise<Named[]> {
    if (keys.length === 0) return [];
    const where = { storeId: ctx.storeId, [by]: In(keys) };
    return this.database.repository(ctx, GroupEntity).find({ where, select: { storeId: true, id: true, name: true } });
  }

  /** A user or service account that is not disabled, with the policies that they and their groups have. */
  async findActing(
    ctx: RequestContext,
    id: string,
  ): Promise<{ readonly principal: PrincipalRef; readonly policies: readonly string[] } | undefined> {
    const where = { storeId: ctx.storeId, id, isDisabled: false };
    const row = await this.database.repository(ctx, PrincipalEntity).findOneBy(where);
    if (!row) return undefined;
    const groups = (await this.database.manager(ctx).query(
      `select g.id, g.name from group_member m join principal_group g on g.store_id = m.store_id and g.id = m.group_id
       where m.store_id = $1 and m.principal_id = $2 order by g.name`,
      [ctx.storeId, id],
    )) as { id: string; name: string }[];
    return { principal: { id, kind: row.kind, name: row.name, groups }, policies: await this.#policiesOf(ctx, id) };
  }

  async #policiesOf(ctx: RequestContext, userId: string): Promise<string[]> {
    const rows = (await this.database.manager(ctx).query(
      `select distinct policy from (
         select unnest(policies) as policy from principal where store_id = $1 and id = $2 and not is_disabled
         union all
         select unnest(g.policies) from group_member m
         join principal_group g on g.store_id = m.store_id and g.id = m.group_id
         where m.store_id = $1 and m.principal_id = $2
       ) held order by policy`,
      [ctx.storeId, userId],
    )) as { policy: string }[];
    return rows.map(({ policy }) => policy);
  }

  async #query(ctx: RequestContext, rule: VoterRule, userId: string | null, limit: number): Promise<Voter[]> {
    return (await this.database.manager(ctx).query(
      `select p.id, p.name, p.display_name as "displayName" from principal p
       where p.store_id = $1 and p.kind = 'user' and not p.is_disabled and ($5::uuid is null or p.id = $5)
         and (p.id = any($2::uuid[]) or p.policies && $4::text[] or exists (
           select 1 from group_member m join principal_group g on g.store_id = m.store_id and g.id = m.group_id
           where m.store_id = p.store_id and m.principal_id = p.id
             and (g.id = any($3::uuid[]) or g.policies && $4::text[])))
       order by p.name limit $6`,
      [ctx.storeId, rule.users, rule.groups, rule.policies, userId, limit],
    )) as Voter[];
  }
}
