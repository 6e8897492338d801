import { Injectable } from '@nestjs/common';
import { SecretValue, type RequestContext } from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { In } from 'typeorm';
import { ChangeEntity } from './change.entity.js';
import type { ChangeState } from './change-state.js';

export type ChangeListQuery = {
  readonly limit: number;
  readonly before?: string;
  readonly state?: ChangeState;
  readonly secretId?: string;
  readonly kind?: string;
};

/** Most waiting changes that one look shows. */
const MAX_WAITING = 1_000;

/** The rows of changes. */
@Injectable()
export class ChangeRepository {
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
  ) {}

  async insert(
    ctx: RequestContext,
    row: Partial<ChangeEntity>,
    payload: SecretValue<string> | undefined,
  ): Promise<void> {
    const sealed = payload ? this.keyring.seal(ctx.storeId, payloadRow(row.id!), payload.reveal()) : null;
    await this.database.repository(ctx, ChangeEntity).insert({ ...row, payload: sealed } as never);
  }

  /** Moves a change that is in one of `from` and, if given, leased to `owner`. False when it was not. */
  async update(
    ctx: RequestContext,
    id: string,
    where: { readonly from: readonly ChangeState[]; readonly owner?: string },
    set: Partial<ChangeEntity>,
  ): Promise<boolean> {
    const query = this.database
      .manager(ctx)
      .createQueryBuilder()
      .update(ChangeEntity)
      .set({ ...set, updatedAt: () => 'now()' } as never)
      .where('store_id = :storeId and id = :id and state in (:...from)', {
        storeId: ctx.storeId,
        id,
        from: where.from,
      });
    if (where.owner !== undefined) query.andWhere('lease_owner = :owner', { owner: where.owner });
    return (await query.execute()).affected === 1;
  }

  find(ctx: RequestContext, id: string): Promise<ChangeEntity | null> {
    return this.database.repository(ctx, ChangeEntity).findOneBy({ storeId: ctx.storeId, id });
  }

  /** The change that a request with an idempotency key made. */
  findByAttempt(ctx: RequestContext, idempotencyId: string): Promise<ChangeEntity | null> {
    return this.database.repository(ctx, ChangeEntity).findOneBy({ storeId: ctx.storeId, idempotencyId });
  }

  /** Where these changes stand, by their ids. */
  async statesOf(ctx: RequestContext, ids: readonly string[]): Promise<Map<string, ChangeState>> {
    if (ids.length === 0) return new Map();
    const where = { storeId: ctx.storeId, id: In(ids) };
    const select = { storeId: true, id: true, state: true } as const;
    const rows = await this.database.repository(ctx, ChangeEntity).find({ where, select });
    return new Map(rows.map(({ id, state }) => [id, state]));
  }

  /** The same, kept from being moved by anybody else until the transaction ends. */
  lock(tx: RequestContext, id: string): Promise<ChangeEntity | null> {
    const where = { storeId: tx.storeId, id };
    return this.database.repository(tx, ChangeEntity).findOne({ where, lock: { mode: 'pessimistic_write' } });
  }

  /** Changes of these secrets that wait for approval, the oldest first. */
  async listWaiting(ctx: RequestContext, secretIds: readonly string[]): Promise<ChangeEntity[]> {
    if (secretIds.length === 0) return [];
    const where = {
      storeId: ctx.storeId,
      secretId: In(secretIds),
      state: In(['pending_approval', 'approved'] as const),
    };
    return this.database.repository(ctx, ChangeEntity).find({ where, order: { id: 'ASC' }, take: MAX_WAITING });
  }

  /** Approved changes whose time to begin has passed, each given until `next`. */
  async claimApproved(ctx: RequestContext, now: Date, next: Date, limit: number): Promise<string[]> {
    const [rows] = (await this.database.manager(ctx).query(
      `update change set lease_until = $2
       where (store_id, id) in (
         select store_id, id from change where store_id = $1 and state = 'approved' and lease_until < $3
         order by lease_until limit $4 for update skip locked)
       returning id`,
      [ctx.storeId, next, now, limit],
    )) as [{ id: string }[], number];
    return rows.map(({ id }) => id);
  }

  /** True while a change of the secret is `executing`. */
  isExecuting(ctx: RequestContext, secretId: string): Promise<boolean> {
    return this.database.repository(ctx, ChangeEntity).existsBy({ storeId: ctx.storeId, secretId, state: 'executing' });
  }

  /** The opened payload, or undefined when the change has none any more. */
  async findPayload(ctx: RequestContext, id: string): Promise<SecretValue<string> | undefined> {
    const row = await this.database
      .repository(ctx, ChangeEntity)
      .findOne({ where: { storeId: ctx.storeId, id }, select: { storeId: true, id: true, payload: true } });
    if (!row?.payload) return undefined;
    return new SecretValue(this.keyring.open(ctx.storeId, payloadRow(id), row.payload).toString('utf8'));
  }

  /** Newest first. */
  list(ctx: RequestContext, query: ChangeListQuery): Promise<ChangeEntity[]> {
    const select = this.database
      .repository(ctx, ChangeEntity)
      .createQueryBuilder('c')
      .where('c.store_id = :storeId', { storeId: ctx.storeId })
      .orderBy('c.id', 'DESC')
      .limit(query.limit);
    if (query.before) select.andWhere('c.id < :before', { before: query.before });
    if (query.state) select.andWhere('c.state = :state', { state: query.state });
    if (query.secretId) select.andWhere('c.secret_id = :secretId', { secretId: query.secretId });
    if (query.kind) select.andWhere('c.kind = :kind', { kind: query.kind });
    return select.getMany();
  }

  /** Takes over changes whose executor has gone silent, a few at a time. */
  async claimOrphans(
    ctx: RequestContext,
    lease: { readonly leaseOwner: string; readonly leaseUntil: Date },
    now: Date,
    limit: number,
  ): Promise<string[]> {
    const rows = (await this.database.manager(ctx).query(
      `update change set lease_owner = $1, lease_until = $2, attempts = attempts + 1, updated_at = now()
       where (store_id, id) in (
         select store_id, id from change where store_id = $3 and state = 'executing' and lease_until < $4
         order by lease_until limit $5 for update skip locked)
       returning id`,
      [lease.leaseOwner, lease.leaseUntil, ctx.storeId, now, limit],
    )) as [{ id: string }[], number];
    return rows[0].map((row) => row.id);
  }

  /** Makes whatever is being executed free to be taken over, for a process that knows that it is alone. */
  async expireLeases(ctx: RequestContext, now: Date): Promise<void> {
    const before = new Date(now.getTime() - 1);
    await this.database
      .repository(ctx, ChangeEntity)
      .update({ storeId: ctx.storeId, state: 'executing' }, { leaseUntil: before });
  }

  /** Gives up at most so many failed changes older than `before` and erases what they were to write. Returns which. */
  async abandonFailed(tx: RequestContext, before: Date, limit: number): Promise<{ id: string; kind: string }[]> {
    const [rows] = (await this.database.manager(tx).query(
      `update change set state = 'abandoned', payload = null, ended_at = now()
       where store_id = $1 and id in (
         select id from change where store_id = $1 and state = 'failed' and updated_at < $2 limit $3 for update skip locked)
       returning id, kind`,
      [tx.storeId, before, limit],
    )) as [{ id: string; kind: string }[], number];
    return rows;
  }
}

const payloadRow = (id: string): string => `change/${id}/payload`;
