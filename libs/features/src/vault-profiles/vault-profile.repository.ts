import { Injectable } from '@nestjs/common';
import { isId, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import type { SelectQueryBuilder } from 'typeorm';
import { addListQuery, type ListQuery } from './list-query.js';
import { toInstance } from './vault-instance.repository.js';
import type { VaultInstance } from './vault-instance.js';
import { VaultProfileEntity } from './vault-profile.entity.js';
import type { VaultProfile } from './vault-profile.js';
import type { ProfileUse } from './vault-profiles.errors.js';

export type VaultProfileFilter = {
  readonly namePrefix?: string;
  readonly instanceId?: string;
  readonly isEnabled?: boolean;
};

/** A profile with the instance that it uses. */
export type BoundProfile = { readonly profile: VaultProfile; readonly instance: VaultInstance };

type Columns = Omit<VaultProfile, 'instanceName' | 'revision' | 'createdAt' | 'updatedAt'>;

/** Everything about profiles of one store at one moment. `stamp` differs whenever a profile or instance was changed. */
export type ProfileSnapshot = {
  readonly stamp: string;
  readonly living: readonly BoundProfile[];
  /** Names by id, removed profiles included. */
  readonly names: ReadonlyMap<string, string>;
};

/** The rows of vault profiles. Removed ones are not found. */
@Injectable()
export class VaultProfileRepository {
  constructor(private readonly database: Database) {}

  async insert(tx: RequestContext, row: Columns): Promise<void> {
    await this.database.repository(tx, VaultProfileEntity).insert({ ...row, storeId: tx.storeId } as never);
  }

  /** Changes a row and counts its revision up. */
  async update(tx: RequestContext, id: string, changes: Partial<Columns>): Promise<void> {
    await this.#set(tx, id, changes);
  }

  /** Hides the row for good. */
  async remove(tx: RequestContext, id: string): Promise<void> {
    await this.#set(tx, id, { deletedAt: () => 'now()' });
  }

  async find(ctx: RequestContext, idOrName: string): Promise<VaultProfile | undefined> {
    const column = isId(idOrName) ? 'id' : 'name';
    const row = await this.#select(ctx)
      .andWhere('p.deleted_at is null')
      .andWhere(`p.${column} = :key`, { key: idOrName })
      .getOne();
    return row ? toProfile(row) : undefined;
  }

  /** Locks the row until the transaction ends, against changes and against new secrets and targets. */
  async lock(tx: RequestContext, id: string): Promise<VaultProfile | undefined> {
    const select = this.#select(tx).andWhere('p.deleted_at is null and p.id = :id', { id });
    const row = await select.setLock('pessimistic_write', undefined, ['p']).getOne();
    return row ? toProfile(row) : undefined;
  }

  async list(ctx: RequestContext, query: ListQuery & VaultProfileFilter): Promise<VaultProfile[]> {
    const select = this.#select(ctx).andWhere('p.deleted_at is null');
    if (query.instanceId !== undefined)
      select.andWhere('p.instance_id = :instanceId', { instanceId: query.instanceId });
    if (query.isEnabled !== undefined) select.andWhere('p.is_enabled = :isEnabled', { isEnabled: query.isEnabled });
    return (await addListQuery(select, 'p', query).getMany()).map(toProfile);
  }

  /** Revisions only count up and rows are never deleted, so equal stamps mean that nothing was changed in between. */
  async stamp(ctx: RequestContext): Promise<string> {
    const [row] = (await this.database.manager(ctx).query(
      `select (select count(*) || '/' || coalesce(sum(revision), 0) from vault_profile where store_id = $1)
         || ' ' || (select count(*) || '/' || coalesce(sum(revision), 0) from vault_instance where store_id = $1) as stamp`,
      [ctx.storeId],
    )) as [{ stamp: string }];
    return row.stamp;
  }

  /** The stamp is read first: a change in between makes the snapshot look older than it is, never newer. */
  async snapshot(ctx: RequestContext): Promise<ProfileSnapshot> {
    const stamp = await this.stamp(ctx);
    const rows = await this.#select(ctx).getMany();
    const living = rows
      .filter((row) => row.deletedAt === null)
      .map((row) => ({ profile: toProfile(row), instance: toInstance(row.instance) }));
    return { stamp, living, names: new Map(rows.map((row) => [row.id, row.name])) };
  }

  /**
   * What uses a profile, each with at most five names. Reads the tables of secrets and targets directly: their rooms
   * import this one.
   */
  async listUses(ctx: RequestContext, id: string): Promise<ProfileUse[]> {
    return (await this.database.manager(ctx).query(
      `with use (role, rank, secret_id, name) as (
         select 'source', 1, id, name from secret
         where store_id = $1 and source_profile_id = $2 and state not in ('deleted', 'rejected')
         union all
         select 'target', 2, s.id, s.name from sync_target t
         join secret s on s.store_id = t.store_id and s.id = t.secret_id
         where t.store_id = $1 and t.profile_id = $2
         union all
         select 'place', 3, p.secret_id, coalesce(s.name, p.secret_id::text) from backend_place p
         left join secret s on s.store_id = p.store_id and s.id = p.secret_id
         where p.store_id = $1 and p.profile_id = $2
       ), first_use as (
         select distinct on (secret_id) role, rank, name from use order by secret_id, rank
       )
       select role, count(*)::int as count, (array_agg(name order by name))[1:5] as names
       from first_use group by role, rank order by rank`,
      [ctx.storeId, id],
    )) as ProfileUse[];
  }

  async #set(tx: RequestContext, id: string, changes: Readonly<Record<string, unknown>>): Promise<void> {
    const set = { ...changes, revision: () => 'revision + 1', updatedAt: () => 'now()' };
    await this.database.repository(tx, VaultProfileEntity).update({ storeId: tx.storeId, id }, set as never);
  }

  #select(ctx: RequestContext): SelectQueryBuilder<VaultProfileEntity> {
    return this.database
      .repository(ctx, VaultProfileEntity)
      .createQueryBuilder('p')
      .innerJoinAndSelect('p.instance', 'i')
      .where('p.store_id = :storeId', { storeId: ctx.storeId });
  }
}

function toProfile(row: VaultProfileEntity): VaultProfile {
  const { storeId: _storeId, instance, deletedAt: _deletedAt, ...columns } = row;
  return { ...columns, instanceName: instance.name };
}
