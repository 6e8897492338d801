import { Inject, Injectable } from '@nestjs/common';
import { faultPoint, type RequestContext } from '@claviger/kernel';
import { BackendPlaces } from '@claviger/features/vault-profiles';
import { Database } from '@claviger/platform/database';
import { REPLICATION_SOURCE, type ReplicationSource } from './replication-source.js';
import type { SyncTargetEntity } from './sync-target.entity.js';
import { TargetRepository } from './target.repository.js';

/** Ends targets whose copies are gone. */
@Injectable()
export class TargetRemoval {
  constructor(
    private readonly database: Database,
    private readonly targets: TargetRepository,
    private readonly places: BackendPlaces,
    @Inject(REPLICATION_SOURCE) private readonly source: ReplicationSource,
  ) {}

  /**
   * Removes a claimed target, gives up its place, and tells the secret when it was the last one. False, with the lease
   * given back, when something else is desired by now or the lease was lost.
   */
  async end(ctx: RequestContext, target: SyncTargetEntity): Promise<boolean> {
    const isEnded = await this.database.transaction(ctx, async (tx) => {
      // The secret first, as every change of it does: two targets that end at once must see each other go.
      await this.source.lock(tx, target.secretId);
      if (!(await this.targets.remove(tx, target))) return false;
      await this.places.forget(tx, { secretId: target.secretId, profileId: target.profileId });
      if ((await this.targets.count(tx, target.secretId)) === 0) await this.source.allTargetsGone(tx, target.secretId);
      return true;
    });
    if (!isEnded) await this.targets.settle(ctx, target, { facts: {}, verdict: {} });
    else faultPoint('reconcile.recorded');
    return isEnded;
  }
}
