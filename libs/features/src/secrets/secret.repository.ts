import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { Database, EntityRows, StoreLookups } from '@claviger/platform/database';
import { IsNull, LessThan } from 'typeorm';
import { SecretEntity, type SecretState } from './secret.entity.js';
import { SecretVersionEntity } from './secret-version.entity.js';
import { FIND_SECRETS, FIND_VERSIONS, FIND_VERSIONS_BY_FINGERPRINT } from './secret.hot.js';

export type SecretListQuery = {
  readonly limit: number;
  readonly sort: 'name' | 'createdAt' | 'updatedAt' | 'expiresAt';
  readonly descending: boolean;
  /** The sort value and id of the last one seen. */
  readonly after?: { readonly value: string | null; readonly id: string };
  readonly namePrefix?: string;
  readonly nameContains?: string;
  readonly type?: string;
  readonly state?: SecretState;
  readonly profileIds: readonly string[];
  /** Any of these. */
  readonly owners?: readonly string[];
  readonly label?: { readonly key: string; readonly value?: string };
  readonly expiringBefore?: Date;
  readonly replicationStatus?: string;
};

const SORT_COLUMNS = {
  name: 's.name',
  createdAt: 's.created_at',
  updatedAt: 's.updated_at',
  expiresAt: 's.expires_at',
} as const;

type Located = Pick<SecretEntity, 'id' | 'sourceProfileId'>;

/** More places of one version are not looked through. */
const MAX_EARLIER = 8;

type VersionKey = { readonly secret_id: string };

/** Keys `<secret id>/<rest>` as two arrays. */
function splitKeys(keys: readonly string[]): readonly [string[], string[]] {
  return [keys.map((key) => key.slice(0, key.indexOf('/'))), keys.map((key) => key.slice(key.indexOf('/') + 1))];
}

/** The rows of secrets and their versions. */
@Injectable()
export class SecretRepository {
  readonly #secrets: StoreLookups<{ id: string }>;
  readonly #versions: StoreLookups<VersionKey & { number: number }>;
  readonly #byFingerprint: StoreLookups<VersionKey & { fingerprint: string; number: number }>;
  readonly #secretRows: EntityRows<SecretEntity>;
  readonly #versionRows: EntityRows<SecretVersionEntity>;

  constructor(private readonly database: Database) {
    this.#secrets = new StoreLookups(database, { statement: FIND_SECRETS, keyOf: ({ id }) => id });
    this.#versions = new StoreLookups(database, {
      statement: FIND_VERSIONS,
      parameters: splitKeys,
      keyOf: ({ secret_id, number }) => `${secret_id}/${number}`,
    });
    this.#byFingerprint = new StoreLookups(database, {
      statement: FIND_VERSIONS_BY_FINGERPRINT,
      parameters: splitKeys,
      keyOf: ({ secret_id, fingerprint }) => `${secret_id}/${fingerprint}`,
    });
    this.#secretRows = new EntityRows(database, SecretEntity);
    this.#versionRows = new EntityRows(database, SecretVersionEntity);
  }

  async find(ctx: RequestContext, id: string): Promise<SecretEntity | null> {
    const row = await this.#secrets.find(ctx, id);
    return row ? this.#secretRows.fromRow(row) : null;
  }

  /** The living secret of that name. */
  findByName(ctx: RequestContext, sourceProfileId: string, name: string): Promise<SecretEntity | null> {
    return this.database
      .repository(ctx, SecretEntity)
      .createQueryBuilder('s')
      .where(
        `s.store_id = :storeId and s.source_profile_id = :sourceProfileId and s.name = :name
          and s.state not in ('deleted', 'rejected')`,
        {
          storeId: ctx.storeId,
          sourceProfileId,
          name,
        },
      )
      .getOne();
  }

  /** The secret, locked until the transaction ends. */
  lock(tx: RequestContext, id: string): Promise<SecretEntity | null> {
    return this.database
      .repository(tx, SecretEntity)
      .findOne({ where: { storeId: tx.storeId, id }, lock: { mode: 'pessimistic_write' } });
  }

  async insert(tx: RequestContext, row: Partial<SecretEntity>): Promise<void> {
    await this.database.repository(tx, SecretEntity).insert(row as never);
  }

  async update(tx: RequestContext, id: string, set: Partial<SecretEntity>): Promise<void> {
    await this.database
      .repository(tx, SecretEntity)
      .update({ storeId: tx.storeId, id }, { ...set, updatedAt: () => 'now()' } as never);
  }

  async remove(tx: RequestContext, id: string): Promise<void> {
    await this.database.repository(tx, SecretEntity).delete({ storeId: tx.storeId, id });
  }

  list(ctx: RequestContext, query: SecretListQuery): Promise<SecretEntity[]> {
    const column = SORT_COLUMNS[query.sort];
    const direction = query.descending ? 'DESC' : 'ASC';
    const select = this.database
      .repository(ctx, SecretEntity)
      .createQueryBuilder('s')
      .where('s.store_id = :storeId and s.source_profile_id in (:...profileIds)', {
        storeId: ctx.storeId,
        profileIds: query.profileIds,
      })
      .orderBy(column, direction, 'NULLS LAST')
      .addOrderBy('s.id', direction)
      .limit(query.limit);
    if (query.after) {
      const compare = query.descending ? '<' : '>';
      const { value, id } = query.after;
      if (value === null) select.andWhere(`${column} is null and s.id ${compare} :afterId`, { afterId: id });
      else
        select.andWhere(`((${column}, s.id) ${compare} (:afterValue, :afterId) or ${column} is null)`, {
          afterValue: value,
          afterId: id,
        });
    }
    if (query.namePrefix) select.andWhere('starts_with(s.name, :namePrefix)', { namePrefix: query.namePrefix });
    if (query.nameContains)
      select.andWhere('position(:nameContains in s.name) > 0', { nameContains: query.nameContains });
    if (query.type) select.andWhere('s.type = :type', { type: query.type });
    if (query.state) select.andWhere('s.state = :state', { state: query.state });
    else select.andWhere(`s.state <> 'deleted'`);
    if (query.owners) select.andWhere('s.owner = any(:owners)', { owners: query.owners });
    if (query.label) {
      const { key, value } = query.label;
      if (value === undefined) select.andWhere('jsonb_exists(s.labels, :labelKey)', { labelKey: key });
      else select.andWhere('s.labels @> :label::jsonb', { label: JSON.stringify({ [key]: value }) });
    }
    if (query.expiringBefore)
      select.andWhere('s.expires_at < :expiringBefore', { expiringBefore: query.expiringBefore });
    if (query.replicationStatus)
      select.andWhere(
        `exists (select 1 from sync_target t where t.store_id = s.store_id and t.secret_id = s.id and t.status = :replicationStatus)`,
        { replicationStatus: query.replicationStatus },
      );
    return select.getMany();
  }

  async insertVersion(tx: RequestContext, row: Partial<SecretVersionEntity>): Promise<void> {
    await this.database.repository(tx, SecretVersionEntity).insert(row as never);
  }

  /** The newest revision of a version. */
  async findVersion(ctx: RequestContext, secretId: string, number: number): Promise<SecretVersionEntity | null> {
    const row = await this.#versions.find(ctx, `${secretId}/${number}`);
    return row ? this.#versionRows.fromRow(row) : null;
  }

  /** The newest version that has one of these fingerprints: those of one content under different keys. */
  async findVersionByFingerprint(
    ctx: RequestContext,
    secretId: string,
    fingerprints: readonly string[],
  ): Promise<number | undefined> {
    const found = await Promise.all(fingerprints.map((one) => this.#byFingerprint.find(ctx, `${secretId}/${one}`)));
    const numbers = found.flatMap((row) => (row ? [row.number] : []));
    return numbers.length === 0 ? undefined : Math.max(...numbers);
  }

  /** Where a version was managed before: the revisions under this one, the newest first. */
  listEarlier(
    ctx: RequestContext,
    { secretId, number, revision }: SecretVersionEntity,
  ): Promise<SecretVersionEntity[]> {
    return this.database.repository(ctx, SecretVersionEntity).find({
      where: { storeId: ctx.storeId, secretId, number, revision: LessThan(revision) },
      order: { revision: 'DESC' },
      take: MAX_EARLIER,
    });
  }

  /** Says under which name versions lie that had the secret's own until now. */
  async keepNames(tx: RequestContext, secretId: string, physicalName: string): Promise<void> {
    await this.database
      .repository(tx, SecretVersionEntity)
      .update({ storeId: tx.storeId, secretId, physicalName: IsNull() }, { physicalName });
  }

  /** Newest first; of each the newest revision, or the newest that an old version can be read by. */
  listVersions(
    ctx: RequestContext,
    { id: secretId, currentVersion }: Pick<SecretEntity, 'id' | 'currentVersion'>,
    limit: number,
    before?: number,
  ): Promise<SecretVersionEntity[]> {
    const select = this.database
      .repository(ctx, SecretVersionEntity)
      .createQueryBuilder('v')
      .distinctOn(['v.number'])
      .where('v.store_id = :storeId and v.secret_id = :secretId', { storeId: ctx.storeId, secretId })
      .orderBy('v.number', 'DESC')
      .addOrderBy('v.number = :currentVersion or (v.backend_version is not null and v.pruned_at is null)', 'DESC')
      .addOrderBy('v.revision', 'DESC')
      .setParameter('currentVersion', currentVersion)
      .limit(limit);
    if (before !== undefined) select.andWhere('v.number < :before', { before });
    return select.getMany();
  }

  async updateVersion(
    tx: RequestContext,
    secretId: string,
    number: number,
    set: Partial<SecretVersionEntity>,
  ): Promise<void> {
    await this.database.repository(tx, SecretVersionEntity).update({ storeId: tx.storeId, secretId, number }, set);
  }

  /** Says that the vault which managed it there does not keep a version any more. */
  async markVersionPruned(
    ctx: RequestContext,
    { secretId, number, revision }: SecretVersionEntity,
    prunedAt: Date,
  ): Promise<void> {
    const key = { storeId: ctx.storeId, secretId, number, revision };
    await this.database.repository(ctx, SecretVersionEntity).update(key, { prunedAt });
  }

  /** Says that all versions so far are gone from the source, those that are known to be gone already left aside. */
  async markPruned(tx: RequestContext, secret: Located): Promise<void> {
    await this.#markAll(tx, secret, 'pruned_at', 'profile_id = $3');
  }

  /** Says that the content of all versions was erased, wherever the secret still is. */
  async markDestroyed(tx: RequestContext, secret: Located): Promise<void> {
    const isHere = `(profile_id = $3 or profile_id in (
      select profile_id from sync_target where store_id = $1 and secret_id = $2 and desired_presence <> 'retained'))`;
    await this.#markAll(tx, secret, 'destroyed_at', isHere);
  }

  async #markAll(
    tx: RequestContext,
    { id, sourceProfileId }: Located,
    column: 'pruned_at' | 'destroyed_at',
    where: string,
  ): Promise<void> {
    await this.database.manager(tx).query(
      `update secret_version set ${column} = now()
         where store_id = $1 and secret_id = $2 and pruned_at is null and destroyed_at is null and ${where}`,
      [tx.storeId, id, sourceProfileId],
    );
  }

  /** Active secrets whose source was not compared for a while, pushed on to the next time. */
  async takeDueVerifications(ctx: RequestContext, now: Date, next: Date, limit: number): Promise<string[]> {
    const [rows] = (await this.database.manager(ctx).query(
      `update secret set next_verify_at = $3 where (store_id, id) in (
         select store_id, id from secret
         where store_id = $1 and state = 'active' and not is_disabled and next_verify_at <= $2
         order by next_verify_at limit $4 for update skip locked)
       returning id`,
      [ctx.storeId, now, next, limit],
    )) as [{ id: string }[], number];
    return rows.map((row) => row.id);
  }
}
