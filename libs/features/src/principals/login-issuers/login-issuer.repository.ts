import { newId, type RequestContext } from '@claviger/kernel';
import { Database, isUniqueViolation } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { In, MoreThan } from 'typeorm';
import type { IssuerSettings } from './login-issuer-input.policy.js';
import { LoginIssuerEntity } from './login-issuer.entity.js';
import { LoginIssuerGroupEntity } from './login-issuer-group.entity.js';
import { loginIssuerExists } from './login-issuers.errors.js';

/** A value of the groups claim, and a group that it puts into. */
export type MappedGroup = { readonly claimValue: string; readonly groupId: string; readonly groupName: string };

/** The rows of login issuers and of what they put into which groups. */
@Injectable()
export class LoginIssuerRepository {
  constructor(private readonly database: Database) {}

  /** @throws AppError LOGIN_ISSUER_EXISTS */
  async insert(tx: RequestContext, name: string, settings: IssuerSettings): Promise<LoginIssuerEntity> {
    const repository = this.database.repository(tx, LoginIssuerEntity);
    const id = newId();
    try {
      await repository.insert({ ...columns(settings), name, storeId: tx.storeId, id });
    } catch (error) {
      if (isUniqueViolation(error, 'uq_login_issuer_name')) throw loginIssuerExists(name);
      throw error;
    }
    return repository.findOneByOrFail({ storeId: tx.storeId, id });
  }

  async find(ctx: RequestContext, name: string): Promise<LoginIssuerEntity | undefined> {
    const where = { storeId: ctx.storeId, name };
    return (await this.database.repository(ctx, LoginIssuerEntity).findOneBy(where)) ?? undefined;
  }

  /** The same, kept from being changed, removed or logged in by until the transaction ends. */
  async lock(tx: RequestContext, name: string): Promise<LoginIssuerEntity | undefined> {
    const where = { storeId: tx.storeId, name };
    const lock = { mode: 'pessimistic_write' } as const;
    return (await this.database.repository(tx, LoginIssuerEntity).findOne({ where, lock })) ?? undefined;
  }

  /** Keeps an issuer as it was read until the transaction ends; false when it was changed meanwhile. Many may do so. */
  async hold(tx: RequestContext, { id, revision }: LoginIssuerEntity): Promise<boolean> {
    const where = { storeId: tx.storeId, id, revision };
    const lock = { mode: 'pessimistic_read' } as const;
    return (await this.database.repository(tx, LoginIssuerEntity).findOne({ where, lock })) !== null;
  }

  /** By name, from the one after `after`. */
  list(ctx: RequestContext, limit: number, after = ''): Promise<LoginIssuerEntity[]> {
    const where = { storeId: ctx.storeId, name: MoreThan(after) };
    return this.database.repository(ctx, LoginIssuerEntity).find({ where, order: { name: 'ASC' }, take: limit });
  }

  /** Changes a row, counts its revision up and gives it as it is then. */
  async update(tx: RequestContext, id: string, settings: IssuerSettings): Promise<LoginIssuerEntity> {
    const repository = this.database.repository(tx, LoginIssuerEntity);
    const where = { storeId: tx.storeId, id };
    await repository.update(where, { ...columns(settings), revision: () => 'revision + 1', updatedAt: () => 'now()' });
    return repository.findOneByOrFail(where);
  }

  /** Its identities and the memberships that it gave go with it. */
  async remove(tx: RequestContext, id: string): Promise<void> {
    await this.database.repository(tx, LoginIssuerEntity).delete({ storeId: tx.storeId, id });
  }

  /** What each of some issuers maps, in the order of values and groups. */
  async mappingsOf(ctx: RequestContext, ids: readonly string[]): Promise<ReadonlyMap<string, MappedGroup[]>> {
    const rows = await this.database.repository(ctx, LoginIssuerGroupEntity).find({
      where: { storeId: ctx.storeId, issuerId: In(ids) },
      relations: { group: true },
      order: { claimValue: 'ASC', group: { name: 'ASC' } },
    });
    const mappings = new Map<string, MappedGroup[]>(ids.map((id) => [id, []]));
    for (const { issuerId, claimValue, groupId, group } of rows)
      mappings.get(issuerId)!.push({ claimValue, groupId, groupName: group.name });
    return mappings;
  }

  /** Replaces what an issuer maps. */
  async map(tx: RequestContext, issuerId: string, mapping: readonly Omit<MappedGroup, 'groupName'>[]): Promise<void> {
    const repository = this.database.repository(tx, LoginIssuerGroupEntity);
    await repository.delete({ storeId: tx.storeId, issuerId });
    const rows = mapping.map(({ claimValue, groupId }) => ({ storeId: tx.storeId, issuerId, claimValue, groupId }));
    if (rows.length > 0) await repository.createQueryBuilder().insert().values(rows).orIgnore().execute();
  }
}

/** Of an object with more in it, what is a column and may be set. */
function columns(settings: IssuerSettings): IssuerColumns {
  const { issuer, jwksUrl, caCertificate, subjectClaim, nameClaim, displayNameClaim, groupsClaim, kind } = settings;
  const { provisions, tokenTtlSeconds, leewaySeconds, maxLifetimeSeconds, isDisabled } = settings;
  return {
    issuer,
    audiences: [...settings.audiences],
    algorithms: [...settings.algorithms],
    jwksUrl,
    caCertificate,
    boundClaims: settings.boundClaims.map(({ claim, values }) => ({ claim, values: [...values] })),
    subjectClaim,
    nameClaim,
    displayNameClaim,
    groupsClaim,
    kind,
    provisions,
    tokenTtlSeconds,
    leewaySeconds,
    maxLifetimeSeconds,
    isDisabled,
  };
}

type IssuerColumns = Pick<LoginIssuerEntity, keyof IssuerSettings>;
