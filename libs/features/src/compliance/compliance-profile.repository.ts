import { Injectable } from '@nestjs/common';
import type { Requester } from '@claviger/features/changes';
import type { RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { ComplianceProfileEntity, ComplianceProfileVersionEntity } from './compliance-profile.entity.js';
import type { ComplianceSettings } from './compliance-profile.schema.js';

/** A compliance profile as one of its versions says. */
export type ComplianceProfile = ComplianceSettings & {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly createdBy: Requester;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

type NewVersion = ComplianceSettings & { readonly createdBy: Requester };

const COLUMNS = `p.id, p.name, v.version, v.description, v.rules, v.vault_profiles as "vaultProfiles",
  v.label_selectors as "labelSelectors", v.created_by as "createdBy", p.created_at as "createdAt", v.created_at as "updatedAt"`;
const FROM = `from compliance_profile p
  join compliance_profile_version v on v.store_id = p.store_id and v.profile_id = p.id`;

/** The rows of compliance profiles and their versions. Removed ones are not found. */
@Injectable()
export class ComplianceProfileRepository {
  constructor(private readonly database: Database) {}

  async insert(
    tx: RequestContext,
    { id, name }: { readonly id: string; readonly name: string },
    said: NewVersion,
  ): Promise<void> {
    await this.database.repository(tx, ComplianceProfileEntity).insert({ id, name, storeId: tx.storeId, version: 1 });
    await this.#insertVersion(tx, id, 1, said);
  }

  /** Adds a version and puts it in force. */
  async addVersion(tx: RequestContext, id: string, version: number, said: NewVersion): Promise<void> {
    await this.#insertVersion(tx, id, version, said);
    const set = { version, updatedAt: () => 'now()' };
    await this.database.repository(tx, ComplianceProfileEntity).update({ storeId: tx.storeId, id }, set);
  }

  async remove(tx: RequestContext, id: string): Promise<void> {
    const set = { deletedAt: () => 'now()' };
    await this.database.repository(tx, ComplianceProfileEntity).update({ storeId: tx.storeId, id }, set);
  }

  /** A version of a living profile, by its name; the one in force unless given. */
  async find(ctx: RequestContext, name: string, version?: number): Promise<ComplianceProfile | undefined> {
    const where = 'p.deleted_at is null and p.name = $2 and v.version = coalesce($3, p.version)';
    return (await this.#select(ctx, where, [name, version ?? null]))[0];
  }

  /** The same, in force, kept from being changed or removed until the transaction ends. */
  async lock(tx: RequestContext, name: string): Promise<ComplianceProfile | undefined> {
    await this.database
      .manager(tx)
      .query(`select from compliance_profile where store_id = $1 and name = $2 and deleted_at is null for update`, [
        tx.storeId,
        name,
      ]);
    return this.find(tx, name);
  }

  /** Those in force, by name, from the one after `after`. */
  list(ctx: RequestContext, limit: number, after = ''): Promise<ComplianceProfile[]> {
    const where = 'p.deleted_at is null and v.version = p.version and p.name > $2 order by p.name limit $3';
    return this.#select(ctx, where, [after, limit]);
  }

  /** All versions of a profile, newest first, from the one before `before`. */
  listVersions(ctx: RequestContext, name: string, limit: number, before?: number): Promise<ComplianceProfile[]> {
    const where = `p.deleted_at is null and p.name = $2 and ($4::integer is null or v.version < $4)
      order by v.version desc limit $3`;
    return this.#select(ctx, where, [name, limit, before ?? null]);
  }

  /** All that are in force, with a stamp that differs whenever one was changed. */
  async snapshot(ctx: RequestContext): Promise<{ readonly stamp: string; readonly all: readonly ComplianceProfile[] }> {
    const stamp = await this.stamp(ctx);
    return { stamp, all: await this.#select(ctx, 'p.deleted_at is null and v.version = p.version', []) };
  }

  /** Versions only count up and rows are never deleted. */
  async stamp(ctx: RequestContext): Promise<string> {
    const [row] = (await this.database.manager(ctx).query(
      `select count(*) || '/' || coalesce(sum(version), 0) || '/' || count(deleted_at) as stamp
       from compliance_profile where store_id = $1`,
      [ctx.storeId],
    )) as [{ stamp: string }];
    return row.stamp;
  }

  async #insertVersion(tx: RequestContext, profileId: string, version: number, said: NewVersion): Promise<void> {
    const row = { ...said, storeId: tx.storeId, profileId, version };
    await this.database.repository(tx, ComplianceProfileVersionEntity).insert(row as never);
  }

  async #select(ctx: RequestContext, where: string, values: readonly unknown[]): Promise<ComplianceProfile[]> {
    return (await this.database
      .manager(ctx)
      .query(`select ${COLUMNS} ${FROM} where p.store_id = $1 and ${where}`, [
        ctx.storeId,
        ...values,
      ])) as ComplianceProfile[];
  }
}
