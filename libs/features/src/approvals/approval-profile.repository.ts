import { Injectable } from '@nestjs/common';
import type { GatedKind, Requester } from '@claviger/features/changes';
import type { Condition } from '@claviger/features/rules';
import type { RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { ApprovalProfileEntity, ApprovalProfileVersionEntity, type ApprovalStep } from './approval-profile.entity.js';

/** An approval profile as one of its versions says. */
export type ApprovalProfile = {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly description: string;
  readonly kinds: readonly GatedKind[];
  readonly condition: Condition | null;
  readonly steps: readonly ApprovalStep[];
  readonly createdBy: Requester;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

type NewVersion = Pick<ApprovalProfile, 'description' | 'kinds' | 'condition' | 'steps' | 'createdBy'>;

const COLUMNS = `p.id, p.name, v.version, v.description, v.kinds, v.condition, v.steps, v.created_by as "createdBy",
  p.created_at as "createdAt", v.created_at as "updatedAt"`;
const FROM = `from approval_profile p
  join approval_profile_version v on v.store_id = p.store_id and v.profile_id = p.id`;

/** The rows of approval profiles and their versions. Removed ones are not found. */
@Injectable()
export class ApprovalProfileRepository {
  constructor(private readonly database: Database) {}

  async insert(
    tx: RequestContext,
    profile: { readonly id: string; readonly name: string },
    said: NewVersion,
  ): Promise<void> {
    const row = { ...profile, storeId: tx.storeId, version: 1 };
    await this.database.repository(tx, ApprovalProfileEntity).insert(row);
    await this.#insertVersion(tx, profile.id, 1, said);
  }

  /** Adds a version and puts it in force. */
  async addVersion(tx: RequestContext, id: string, version: number, said: NewVersion): Promise<void> {
    await this.#insertVersion(tx, id, version, said);
    const set = { version, updatedAt: () => 'now()' };
    await this.database.repository(tx, ApprovalProfileEntity).update({ storeId: tx.storeId, id }, set);
  }

  async remove(tx: RequestContext, id: string): Promise<void> {
    const set = { deletedAt: () => 'now()' };
    await this.database.repository(tx, ApprovalProfileEntity).update({ storeId: tx.storeId, id }, set);
  }

  /** A version of a living profile, by its name; the one in force unless given. */
  async find(ctx: RequestContext, name: string, version?: number): Promise<ApprovalProfile | undefined> {
    const rows = await this.#select(ctx, 'p.name = $2 and v.version = coalesce($3, p.version)', [
      name,
      version ?? null,
    ]);
    return rows[0];
  }

  /** The same, in force, kept from being changed, removed or assigned until the transaction ends. */
  async lock(tx: RequestContext, name: string): Promise<ApprovalProfile | undefined> {
    await this.database
      .manager(tx)
      .query(`select from approval_profile where store_id = $1 and name = $2 and deleted_at is null for update`, [
        tx.storeId,
        name,
      ]);
    return this.find(tx, name);
  }

  /** Those in force, by name, from the one after `after`. */
  list(ctx: RequestContext, limit: number, after = ''): Promise<ApprovalProfile[]> {
    return this.#select(ctx, 'v.version = p.version and p.name > $2 order by p.name limit $3', [after, limit]);
  }

  /** All versions of a profile, newest first, from the one before `before`. */
  listVersions(ctx: RequestContext, name: string, limit: number, before?: number): Promise<ApprovalProfile[]> {
    const where = 'p.name = $2 and ($4::integer is null or v.version < $4) order by v.version desc limit $3';
    return this.#select(ctx, where, [name, limit, before ?? null]);
  }

  /** All that are in force, with a stamp that differs whenever one was changed. */
  async snapshot(ctx: RequestContext): Promise<{ readonly stamp: string; readonly all: readonly ApprovalProfile[] }> {
    const stamp = await this.stamp(ctx);
    return { stamp, all: await this.#select(ctx, 'v.version = p.version', []) };
  }

  /** Versions only count up and rows are never deleted. */
  async stamp(ctx: RequestContext): Promise<string> {
    const [row] = (await this.database.manager(ctx).query(
      `select count(*) || '/' || coalesce(sum(version), 0) || '/' || count(deleted_at) as stamp
       from approval_profile where store_id = $1`,
      [ctx.storeId],
    )) as [{ stamp: string }];
    return row.stamp;
  }

  /** Names of the vault profiles that it is assigned to. Their room does not know this one. */
  async listUses(ctx: RequestContext, name: string): Promise<string[]> {
    const rows = (await this.database.manager(ctx).query(
      `select name from vault_profile where store_id = $1 and approval_profile = $2 and deleted_at is null
       order by name limit 20`,
      [ctx.storeId, name],
    )) as { name: string }[];
    return rows.map((row) => row.name);
  }

  async #insertVersion(tx: RequestContext, profileId: string, version: number, said: NewVersion): Promise<void> {
    const row = { ...said, storeId: tx.storeId, profileId, version };
    await this.database.repository(tx, ApprovalProfileVersionEntity).insert(row as never);
  }

  async #select(ctx: RequestContext, where: string, values: readonly unknown[]): Promise<ApprovalProfile[]> {
    return (await this.database
      .manager(ctx)
      .query(`select ${COLUMNS} ${FROM} where p.store_id = $1 and p.deleted_at is null and ${where}`, [
        ctx.storeId,
        ...values,
      ])) as ApprovalProfile[];
  }
}
