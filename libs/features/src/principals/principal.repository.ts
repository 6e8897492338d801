import { newId, type PrincipalKind, type RequestContext } from '@claviger/kernel';
import { Database, isUniqueViolation } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { MoreThan } from 'typeorm';
import { PrincipalEntity } from './principal.entity.js';
import { principalExists } from './principals.errors.js';

type NewRow = Pick<PrincipalEntity, 'kind' | 'name' | 'displayName' | 'policies' | 'tokenTtlSeconds'>;
type Changes = Partial<Pick<PrincipalEntity, 'displayName' | 'policies' | 'isDisabled' | 'tokenTtlSeconds'>>;

/** A user as a log-in needs it. */
export type PrincipalWithPassword = PrincipalEntity & { readonly passwordHash: string | null };

/** The rows of users and service accounts. */
@Injectable()
export class PrincipalRepository {
  constructor(private readonly database: Database) {}

  /** @throws AppError PRINCIPAL_EXISTS */
  async insert(tx: RequestContext, row: NewRow): Promise<PrincipalEntity> {
    const repository = this.database.repository(tx, PrincipalEntity);
    const id = newId();
    try {
      await repository.insert({ ...row, storeId: tx.storeId, id });
    } catch (error) {
      if (isUniqueViolation(error, 'uq_principal_name')) throw principalExists(row.name);
      throw error;
    }
    return repository.findOneByOrFail({ storeId: tx.storeId, id });
  }

  async find(ctx: RequestContext, kind: PrincipalKind, name: string): Promise<PrincipalEntity | undefined> {
    const where = { storeId: ctx.storeId, kind, name };
    return (await this.database.repository(ctx, PrincipalEntity).findOneBy(where)) ?? undefined;
  }

  /** Of either kind. */
  async findByName(ctx: RequestContext, name: string): Promise<PrincipalEntity | undefined> {
    const where = { storeId: ctx.storeId, name };
    return (await this.database.repository(ctx, PrincipalEntity).findOneBy(where)) ?? undefined;
  }

  /** The same, kept from being changed or removed until the transaction ends. */
  async lock(tx: RequestContext, kind: PrincipalKind, name: string): Promise<PrincipalEntity | undefined> {
    const where = { storeId: tx.storeId, kind, name };
    const lock = { mode: 'pessimistic_write' } as const;
    return (await this.database.repository(tx, PrincipalEntity).findOne({ where, lock })) ?? undefined;
  }

  /** The same by id, of either kind. */
  async lockById(tx: RequestContext, id: string): Promise<PrincipalEntity | undefined> {
    const where = { storeId: tx.storeId, id };
    const lock = { mode: 'pessimistic_write' } as const;
    return (await this.database.repository(tx, PrincipalEntity).findOne({ where, lock })) ?? undefined;
  }

  async findWithPassword(ctx: RequestContext, name: string): Promise<PrincipalWithPassword | undefined> {
    const row = await this.database
      .repository(ctx, PrincipalEntity)
      .createQueryBuilder('p')
      .addSelect('p.passwordHash')
      .where({ storeId: ctx.storeId, kind: 'user', name })
      .getOne();
    return row ?? undefined;
  }

  /** By name, from the one after `after`. */
  list(ctx: RequestContext, kind: PrincipalKind, limit: number, after = ''): Promise<PrincipalEntity[]> {
    const where = { storeId: ctx.storeId, kind, name: MoreThan(after) };
    return this.database.repository(ctx, PrincipalEntity).find({ where, order: { name: 'ASC' }, take: limit });
  }

  /** Changes a row, counts its revision up and gives it as it is then. */
  async update(tx: RequestContext, id: string, changes: Changes): Promise<PrincipalEntity> {
    const repository = this.database.repository(tx, PrincipalEntity);
    const where = { storeId: tx.storeId, id };
    await repository.update(where, { ...changes, revision: () => 'revision + 1', updatedAt: () => 'now()' });
    return repository.findOneByOrFail(where);
  }

  /** A new password also ends the rest after wrong ones. */
  async setPassword(tx: RequestContext, id: string, passwordHash: string): Promise<void> {
    const set = { passwordHash, failedLogins: 0, lockedUntil: null };
    await this.database.repository(tx, PrincipalEntity).update({ storeId: tx.storeId, id }, set);
  }

  /** What users changed is not touched, and so the revision stays. */
  async noteLogin(
    tx: RequestContext,
    id: string,
    login: Partial<Pick<PrincipalEntity, 'failedLogins' | 'lockedUntil' | 'lastLoginAt'>>,
  ): Promise<void> {
    await this.database.repository(tx, PrincipalEntity).update({ storeId: tx.storeId, id }, login);
  }

  async remove(tx: RequestContext, id: string): Promise<void> {
    await this.database.repository(tx, PrincipalEntity).delete({ storeId: tx.storeId, id });
  }
}
