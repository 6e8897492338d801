import type { Clock, RequestContext } from '@claviger/kernel';
import type { SyncTargetEntity } from '../../../libs/features/src/replication/sync-target.entity.js';
import { TargetHandover, type FormerSource } from '../../../libs/features/src/replication/target-handover.js';
import { TargetLedger, type DesiredContent } from '../../../libs/features/src/replication/target-ledger.js';
import { TargetRemoval } from '../../../libs/features/src/replication/target-removal.js';
import type { Claim, Claimed, Settlement } from '../../../libs/features/src/replication/target.repository.js';
import { VERIFY_INTERVAL_S, type ModelLedger, type ModelTarget } from './model-ledger.js';
import type { ModelSource } from './model-source.js';
import { PLACE } from './model-vault.js';
import type { StoredRoom } from './stored-room.js';

export type StoredLedgerInit = {
  readonly room: StoredRoom;
  readonly clock: Clock;
  readonly source: ModelSource;
  readonly wake: (secretId: string) => void;
};

/** The real ledger of a world, in PostgreSQL. */
export class StoredLedger implements ModelLedger {
  readonly #ledger: TargetLedger;
  readonly #removal: TargetRemoval;
  readonly #handover: TargetHandover;
  #busy = 0;

  constructor(private readonly init: StoredLedgerInit) {
    const { room, clock, source, wake } = init;
    const { database } = room.db;
    const wakeUps = { wake: (_storeId: string, secretId: string) => wake(secretId) };
    this.#ledger = new TargetLedger(database, wakeUps as never, clock);
    this.#handover = new TargetHandover(database, wakeUps as never, clock);
    const places = { forget: async () => undefined };
    this.#removal = new TargetRemoval(database, room.targets, places as never, {
      ...source.port(async () => undefined),
      lock: async (tx, secretId) => {
        await database.manager(tx).query('select 1 from secret where id = $1 for update', [secretId]);
      },
    });
  }

  get isBusy(): boolean {
    return this.#busy > 0;
  }

  claim(_ctx: RequestContext, secretId: string, claim: Claim): Promise<Claimed> {
    return this.#run(({ targets, ctx }) => targets.claim(ctx, secretId, claim));
  }

  settle(
    _ctx: RequestContext,
    claimed: SyncTargetEntity,
    settlement: Settlement,
  ): Promise<'settled' | 'superseded' | 'lost'> {
    return this.#run(({ targets, ctx }) => targets.settle(ctx, claimed, settlement));
  }

  end(_ctx: RequestContext, claimed: SyncTargetEntity): Promise<boolean> {
    return this.#run(({ ctx }) => this.#removal.end(ctx, claimed));
  }

  add(secretId: string, { profileId, onConflict, desired }: ModelTarget): Promise<void> {
    return this.#run(async (room) => {
      const [known] = await room.sql('select 1 from secret where id = $1', [secretId]);
      if (!known) await room.addSecret(secretId);
      await room.in((tx) => this.#ledger.add(tx, { secretId, profileId, physicalName: PLACE, onConflict, desired }));
    });
  }

  desire(secretId: string, desired: DesiredContent): Promise<number> {
    return this.#run((room) => room.in((tx) => this.#ledger.desire(tx, secretId, desired)));
  }

  retire(secretId: string, profileId: string): Promise<void> {
    return this.#run((room) => room.in((tx) => this.#ledger.retire(tx, secretId, profileId).catch(() => undefined)));
  }

  async forget(secretId: string, profileId?: string): Promise<void> {
    await this.#run((room) => room.in((tx) => this.#ledger.forget(tx, secretId, profileId)));
  }

  resume(secretId: string): Promise<void> {
    return this.#run((room) => room.in((tx) => this.#ledger.resume(tx, secretId)));
  }

  async requestRepair(secretId: string, profileId: string): Promise<void> {
    const { clock, wake } = this.init;
    await this.#run((room) => room.in((tx) => room.targets.requestRepair(tx, secretId, profileId, clock.now())));
    wake(secretId);
  }

  becomeSource(row: SyncTargetEntity): Promise<void> {
    return this.#run((room) => room.in((tx) => this.#handover.becomeSource(tx, row)));
  }

  becomeTarget(former: FormerSource): Promise<void> {
    return this.#run((room) => room.in((tx) => this.#handover.becomeTarget(tx, former)));
  }

  sweep(): Promise<void> {
    const now = this.init.clock.now();
    return this.#run(async ({ targets, ctx }) => {
      const due = await targets.findDue(ctx, new Date(now.getTime() - 3_000), now, 100);
      for (const { secretId } of due) this.init.wake(secretId);
    });
  }

  verify(): Promise<void> {
    const now = this.init.clock.now();
    const next = new Date(now.getTime() + VERIFY_INTERVAL_S * 1_000);
    return this.#run(async ({ targets, ctx }) => {
      const mended = await targets.takeMended(ctx, now, 100);
      const due = await targets.takeDueVerifications(ctx, now, next, 100);
      for (const secretId of [...mended, ...due]) this.init.wake(secretId);
    });
  }

  list(): Promise<readonly SyncTargetEntity[]> {
    return this.#run((room) => room.rows());
  }

  async #run<T>(work: (room: StoredRoom) => Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      return await work(this.init.room);
    } finally {
      this.#busy -= 1;
    }
  }
}
