import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import type { Requester } from '@claviger/features/changes';
import { Database } from '@claviger/platform/database';
import type { ReportParameters } from './report-parameters.js';
import type { ReportScope } from './report-definition.js';

/** A secret as it was at a moment: of what its versions and the changes made to it tell. */
export type SecretAt = {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly createdAt: Date;
  /** The newest version that there was. */
  readonly version: number;
  readonly versionAt: Date;
  readonly versionBy: Requester;
  readonly origin: 'written' | 'adopted';
  /** The vault profile that managed that version. */
  readonly profileId: string;
  readonly owner: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly expiresAt: Date | null;
  readonly rotationIntervalSeconds: number | null;
  readonly rotationDueAt: Date | null;
  readonly isDisabled: boolean;
  /** Ids of the vault profiles that it was to be replicated to. */
  readonly syncProfileIds: readonly string[];
};

type Row = Pick<
  SecretAt,
  'id' | 'name' | 'type' | 'createdAt' | 'version' | 'versionAt' | 'versionBy' | 'origin' | 'profileId'
>;
type Place = { readonly name: string; readonly id: string };

const BATCH = 500;
/** Before every name and id. */
const BEGINNING: Place = { name: '', id: '00000000-0000-0000-0000-000000000000' };

/** A secret `s` is there from its first version on until it is deleted. $1 store, $2 moment. */
export const THERE = `s.store_id = $1 and s.created_at <= $2 and (s.deleted_at is null or s.deleted_at > $2)`;

const SELECT = `
  select s.id, s.name, s.type, s.created_at as "createdAt", v.number as version, v.created_at as "versionAt",
    v.created_by as "versionBy", v.origin, v.profile_id as "profileId"
  from secret s cross join lateral (
    select number, created_at, created_by, origin, profile_id from secret_version w
    where store_id = s.store_id and secret_id = s.id and created_at <= $2 and not exists (
      -- It is managed there since a change of its source that came later.
      select from change c where c.store_id = w.store_id and c.id = w.change_id and w.revision > 1 and c.ended_at > $2)
    order by number desc, revision desc limit 1
  ) v`;

const ATTRIBUTES = ['owner', 'labels', 'expiresAt', 'rotationIntervalSeconds', 'isDisabled'] as const;

/** Reads secrets as they were at a moment, in batches. */
@Injectable()
export class SecretsAt {
  constructor(private readonly database: Database) {}

  async count({ ctx, moment }: ReportScope): Promise<number> {
    const sql = `select count(*)::int as count from secret s where ${THERE}`;
    const [row] = (await this.database.manager(ctx).query(sql, [ctx.storeId, moment])) as [{ count: number }];
    return row.count;
  }

  /** All that the scope is about, by name and then by id; `scanned` counts those that it is not about, too. */
  async *list(scope: ReportScope): AsyncGenerator<{ readonly scanned: number; readonly secrets: readonly SecretAt[] }> {
    const { ctx, moment } = scope;
    let after = BEGINNING;
    for (;;) {
      const rows = (await this.database
        .manager(ctx)
        .query(`${SELECT} where ${THERE} and (s.name, s.id) > ($3, $4) order by s.name, s.id limit ${BATCH}`, [
          ctx.storeId,
          moment,
          after.name,
          after.id,
        ])) as Row[];
      const secrets = await this.#complete(ctx, rows, moment);
      yield { scanned: rows.length, secrets: secrets.filter((secret) => isMeant(secret, scope)) };
      const last = rows.at(-1);
      if (!last || rows.length < BATCH) return;
      after = { name: last.name, id: last.id };
    }
  }

  /** Those of these ids that had a version at the moment; also those that were deleted by then. */
  async find(ctx: RequestContext, ids: readonly string[], moment: Date): Promise<ReadonlyMap<string, SecretAt>> {
    const sql = `${SELECT} where s.store_id = $1 and s.id = any($3::uuid[])`;
    const rows = (await this.database.manager(ctx).query(sql, [ctx.storeId, moment, ids])) as Row[];
    const secrets = await this.#complete(ctx, rows, moment);
    return new Map(secrets.map((secret) => [secret.id, secret]));
  }

  /** Those of these names that there were at the moment. */
  async findNamed(ctx: RequestContext, names: readonly string[], moment: Date): Promise<readonly SecretAt[]> {
    const sql = `${SELECT} where ${THERE} and s.name = any($3::text[])`;
    return this.#complete(
      ctx,
      (await this.database.manager(ctx).query(sql, [ctx.storeId, moment, names])) as Row[],
      moment,
    );
  }

  async #complete(ctx: RequestContext, rows: readonly Row[], moment: Date): Promise<SecretAt[]> {
    const ids = rows.map(({ id }) => id);
    if (ids.length === 0) return [];
    const attributes = await this.#attributes(ctx, ids, moment);
    const syncProfiles = await this.#syncProfiles(ctx, ids, moment);
    return rows.map((row) => {
      const { expiresAt, rotationIntervalSeconds = null, ...known } = attributes.get(row.id) ?? {};
      return {
        ...row,
        owner: known.owner ?? null,
        labels: known.labels ?? {},
        isDisabled: known.isDisabled ?? false,
        expiresAt: typeof expiresAt === 'string' ? new Date(expiresAt) : null,
        rotationIntervalSeconds,
        // Every version is a rotation, whoever made it.
        rotationDueAt:
          rotationIntervalSeconds === null ? null : new Date(row.versionAt.getTime() + rotationIntervalSeconds * 1_000),
        syncProfileIds: syncProfiles.get(row.id) ?? [],
      };
    });
  }

  /** What was set last of each attribute, by an edit or else by the creation, which was before whatever its date is. */
  async #attributes(ctx: RequestContext, ids: readonly string[], moment: Date): Promise<Map<string, Attributes>> {
    const rows = (await this.database.manager(ctx).query(
      `select distinct on (c.secret_id, a.key) c.secret_id as id, a.key, a.value
       from change c cross join lateral jsonb_each(
         case c.kind when 'secret.create' then c.parameters else c.parameters->'set' end) a
       where c.store_id = $1 and c.secret_id = any($2::uuid[]) and c.state = 'done' and (c.kind = 'secret.create' or c.ended_at <= $3)
         and c.kind in ('secret.create', 'secret.attributes', 'secret.enable', 'secret.disable')
         and a.key = any($4)
       order by c.secret_id, a.key, c.ended_at desc, c.id desc`,
      [ctx.storeId, ids, moment, ATTRIBUTES],
    )) as { id: string; key: string; value: unknown }[];
    const found = new Map<string, Record<string, unknown>>();
    for (const { id, key, value } of rows) found.set(id, { ...found.get(id), [key]: value });
    return found as Map<string, Attributes>;
  }

  /** The targets of the creation, with those that were added and without those that were removed since. */
  async #syncProfiles(ctx: RequestContext, ids: readonly string[], moment: Date): Promise<Map<string, string[]>> {
    const rows = (await this.database.manager(ctx).query(
      `select id, "profileId" from (
         select distinct on (c.secret_id, t.profile) c.secret_id as id, t.profile as "profileId", t.is_removed
         from change c cross join lateral (
           select p->>'profileId' as profile, c.kind = 'secret.sync-profile.remove' as is_removed from jsonb_array_elements(
             case c.kind when 'secret.create' then c.parameters->'targets'
               when 'secret.sync-profile.add' then jsonb_build_array(c.parameters->'target')
               when 'secret.sync-profile.remove' then jsonb_build_array(c.parameters)
               else '[]' end) p
           -- What becomes the source is no target any more, and what was the source is one.
           union all select c.parameters->'to'->>'profileId', true where c.kind = 'secret.source-profile'
           union all select c.parameters->>'fromId', false where c.kind = 'secret.source-profile'
         ) t
         where c.store_id = $1 and c.secret_id = any($2::uuid[]) and c.state = 'done' and (c.kind = 'secret.create' or c.ended_at <= $3)
           and c.kind in ('secret.create', 'secret.sync-profile.add', 'secret.sync-profile.remove', 'secret.source-profile')
         order by c.secret_id, t.profile, c.ended_at desc, c.id desc
       ) last where not is_removed order by id, "profileId"`,
      [ctx.storeId, ids, moment],
    )) as { id: string; profileId: string }[];
    const found = new Map<string, string[]>();
    for (const { id, profileId } of rows) found.set(id, [...(found.get(id) ?? []), profileId]);
    return found;
  }
}

type Attributes = {
  readonly owner?: string | null;
  readonly labels?: Readonly<Record<string, string>>;
  readonly expiresAt?: string | null;
  readonly rotationIntervalSeconds?: number | null;
  readonly isDisabled?: boolean;
};

/** Whether the parameters of a report mean this secret. */
export function isMeant(
  secret: Pick<SecretAt, 'profileId' | 'owner' | 'labels'>,
  { parameters, profileId }: { readonly parameters: ReportParameters; readonly profileId: string | undefined },
): boolean {
  const { owner, labels = {} } = parameters;
  if (profileId !== undefined && secret.profileId !== profileId) return false;
  if (owner !== undefined && secret.owner !== owner) return false;
  return Object.entries(labels).every(([name, value]) => secret.labels[name] === value);
}
