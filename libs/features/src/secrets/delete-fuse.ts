import { Inject, Injectable } from '@nestjs/common';
import { AccessService } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import { requesterOf, type Requester } from '@claviger/features/changes';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { CONFIG, type Config } from '@claviger/platform/config';
import { Database } from '@claviger/platform/database';
import { DeleteFuseEntity } from './delete-fuse.entity.js';
import { deleteFuseBlown } from './secret.errors.js';

/** The time over which deletions are counted. */
const WINDOW_MS = 10 * 60_000;
export const WINDOW_SECONDS = WINDOW_MS / 1_000;

/** Whether a change deletes something in vaults. */
export const RECENT_DELETIONS = `kind in ('secret.delete', 'secret.sync-profile.remove')
         and state in ('executing', 'done') and (parameters->>'retain' = 'false' or parameters->>'purge' = 'true')`;

const PATH = 'claviger/delete-fuse';

/** How a store's fuse stands. */
export type DeleteFuseView = {
  /** Most deletions within the window; 0 for no limit. */
  readonly limit: number;
  readonly windowSeconds: number;
  /** Deletions within the window so far. */
  readonly deleted: number;
  readonly isBlown: boolean;
  /** Set while it lets everything through. */
  readonly lifted: { readonly until: Date; readonly by: Requester; readonly reason: string } | null;
};

/**
 * Stops deletions in vaults when there are suddenly many: a script gone wrong, or a token that was stolen. What only
 * forgets a secret and leaves the vaults alone is not counted.
 */
@Injectable()
export class DeleteFuse {
  constructor(
    private readonly database: Database,
    private readonly access: AccessService,
    private readonly audit: AuditService,
    @Inject(CONFIG) private readonly config: Pick<Config, 'work'>,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Before something is deleted in a vault. In the transaction that begins it. @throws AppError DELETE_FUSE_BLOWN */
  async assertHolds(tx: RequestContext): Promise<void> {
    const { deleteFuse: limit } = this.config.work;
    if (limit === 0 || (await this.#count(tx)) < limit || (await this.#lifted(tx))) return;
    throw deleteFuseBlown(limit, WINDOW_MS / 60_000);
  }

  /** @throws AppError ACCESS_DENIED */
  async get(ctx: RequestContext): Promise<DeleteFuseView> {
    this.access.authorize(ctx, PATH, 'read');
    const { deleteFuse: limit } = this.config.work;
    const [deleted, lifted] = [await this.#count(ctx), await this.#lifted(ctx)];
    return {
      limit,
      windowSeconds: WINDOW_SECONDS,
      deleted,
      isBlown: limit > 0 && deleted >= limit && !lifted,
      lifted: lifted ? { until: lifted.liftedUntil, by: lifted.liftedBy, reason: lifted.reason } : null,
    };
  }

  /** Lets everything through for a while. @throws AppError ACCESS_DENIED */
  async lift(ctx: RequestContext, seconds: number, reason: string): Promise<DeleteFuseView> {
    this.access.authorize(ctx, PATH, 'update');
    const liftedUntil = new Date(this.clock.now().getTime() + seconds * 1_000);
    await this.database.transaction(ctx, async (tx) => {
      const row = { storeId: tx.storeId, liftedUntil, liftedBy: requesterOf(tx), reason };
      await this.database.repository(tx, DeleteFuseEntity).upsert(row, ['storeId']);
      const details = { until: liftedUntil.toISOString(), reason };
      const event = {
        action: 'delete-fuse.lift',
        outcome: 'allowed',
        resource: { kind: 'delete-fuse' },
        details,
      } as const;
      await this.audit.record(tx, this.audit.entry(tx, event));
    });
    return this.get(ctx);
  }

  async #count(ctx: RequestContext): Promise<number> {
    const [row] = (await this.database.manager(ctx).query(
      `select count(*)::int as deleted from change
       where store_id = $1 and updated_at > now() - make_interval(secs => $2) and ${RECENT_DELETIONS}`,
      [ctx.storeId, WINDOW_SECONDS],
    )) as [{ deleted: number }];
    return row.deleted;
  }

  async #lifted(ctx: RequestContext): Promise<DeleteFuseEntity | undefined> {
    const row = await this.database.repository(ctx, DeleteFuseEntity).findOneBy({ storeId: ctx.storeId });
    return row && row.liftedUntil > this.clock.now() ? row : undefined;
  }
}
