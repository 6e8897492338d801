import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { Database, isUniqueViolation } from '@claviger/platform/database';
import { LessThan, Not } from 'typeorm';
import { KeyRotationEntity } from './key-rotation.entity.js';
import { rotationUnderWay } from './keys.errors.js';

const MAX_OPEN = 200;

/** The rows of rotations. */
@Injectable()
export class KeyRotationRepository {
  constructor(private readonly database: Database) {}

  /** @throws AppError KEY_ROTATION_UNDER_WAY */
  async insert(tx: RequestContext, row: KeyRotationEntity): Promise<void> {
    try {
      await this.#rows(tx).insert(row as never);
    } catch (error) {
      if (isUniqueViolation(error, 'uq_key_rotation_under_way')) throw rotationUnderWay(row.kind);
      throw error;
    }
  }

  find(ctx: RequestContext, id: string): Promise<KeyRotationEntity | null> {
    return this.#rows(ctx).findOneBy({ storeId: ctx.storeId, id });
  }

  /** Newest first. */
  list(ctx: RequestContext, limit: number, before?: string): Promise<KeyRotationEntity[]> {
    const where = { storeId: ctx.storeId, ...(before === undefined ? {} : { id: LessThan(before) }) };
    return this.#rows(ctx).find({ where, order: { id: 'DESC' }, take: limit });
  }

  /** Those that are not done: first what is under way, then what is settling, the earliest first; at most 200. */
  listOpen(ctx: RequestContext): Promise<KeyRotationEntity[]> {
    return this.#rows(ctx).find({
      where: { storeId: ctx.storeId, state: Not('done') },
      order: { settlesAt: { direction: 'ASC', nulls: 'FIRST' }, id: 'ASC' },
      take: MAX_OPEN,
    });
  }

  /** Locks a rotation until the transaction ends; undefined while another process works on it, or it has gone on. */
  async claim(tx: RequestContext, { id, state }: KeyRotationEntity): Promise<KeyRotationEntity | undefined> {
    const row = await this.#rows(tx).findOne({
      where: { storeId: tx.storeId, id, state },
      lock: { mode: 'pessimistic_write', onLocked: 'skip_locked' },
    });
    return row ?? undefined;
  }

  async update(tx: RequestContext, id: string, set: Partial<KeyRotationEntity>): Promise<void> {
    await this.#rows(tx).update({ storeId: tx.storeId, id }, set as never);
  }

  #rows(ctx: RequestContext) {
    return this.database.repository(ctx, KeyRotationEntity);
  }
}
