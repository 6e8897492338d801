import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { VaultProfileRepository, type BoundProfile, type ProfileSnapshot } from './vault-profile.repository.js';

/** After this time a copy in memory is distrusted until its stamp was compared. */
const TRUST_MS = 1_000;

type Remembered = ProfileSnapshot & {
  readonly byId: ReadonlyMap<string, BoundProfile>;
  readonly byName: ReadonlyMap<string, BoundProfile>;
  readonly checkedAt: number;
};

type Store = { remembered: Remembered | undefined; refreshing: Promise<Remembered> | undefined; changes: number };

/**
 * The profiles of all stores in memory, with their instances: what every request looks up. A change by this process is
 * seen once it has committed, one by another process within a second; what is not found is looked for once more.
 */
@Injectable()
export class ProfileDirectory {
  readonly #stores = new Map<string, Store>();
  readonly #listeners: ((storeId: string, living: readonly BoundProfile[]) => void)[] = [];

  constructor(
    private readonly database: Database,
    private readonly profiles: VaultProfileRepository,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** A living profile by its id or name. */
  async find(ctx: RequestContext, idOrName: string): Promise<BoundProfile | undefined> {
    const known = await this.#read(ctx);
    const found = lookUp(known, idOrName);
    if (found || ctx.transaction) return found;
    return lookUp(await this.#refresh(ctx, known.checkedAt), idOrName);
  }

  /** Names of all profiles by id, removed ones included. */
  async names(ctx: RequestContext): Promise<ReadonlyMap<string, string>> {
    return (await this.#read(ctx)).names;
  }

  /** To be called in the transaction of a change: once it has committed, nobody here sees the state before it. */
  changed(tx: RequestContext): void {
    this.database.afterCommit(tx, () => {
      const store = this.#store(tx.storeId);
      store.changes += 1;
      store.remembered = undefined;
    });
  }

  /** Calls `listener` with the profiles of a store whenever they were read anew. */
  onReload(listener: (storeId: string, living: readonly BoundProfile[]) => void): void {
    this.#listeners.push(listener);
  }

  async #read(ctx: RequestContext): Promise<Remembered> {
    const { remembered } = this.#store(ctx.storeId);
    if (remembered && this.clock.now().getTime() - remembered.checkedAt < TRUST_MS) return remembered;
    return ctx.transaction ? this.#readInside(ctx, remembered) : this.#refresh(ctx);
  }

  /**
   * Inside a transaction its own connection is used (waiting for a second one could block the pool), and what it shows
   * is not remembered, because it may not have committed.
   */
  async #readInside(ctx: RequestContext, remembered: Remembered | undefined): Promise<Remembered> {
    if (remembered && remembered.stamp === (await this.profiles.stamp(ctx))) return remembered;
    return index(await this.profiles.snapshot(ctx), 0);
  }

  /** Brings the copy up to date; callers at the same time share the work. */
  #refresh(ctx: RequestContext, olderThan = Infinity): Promise<Remembered> {
    const store = this.#store(ctx.storeId);
    const { remembered } = store;
    if (remembered && remembered.checkedAt > olderThan) return Promise.resolve(remembered);
    store.refreshing ??= this.#load(ctx, store).finally(() => (store.refreshing = undefined));
    return store.refreshing;
  }

  async #load(ctx: RequestContext, store: Store): Promise<Remembered> {
    for (;;) {
      const { changes, remembered } = store;
      const checkedAt = this.clock.now().getTime();
      const isCurrent = remembered && remembered.stamp === (await this.profiles.stamp(ctx));
      const fresh = isCurrent ? { ...remembered, checkedAt } : index(await this.profiles.snapshot(ctx), checkedAt);
      if (changes !== store.changes) continue;
      store.remembered = fresh;
      if (!isCurrent) for (const listener of this.#listeners) listener(ctx.storeId, fresh.living);
      return fresh;
    }
  }

  #store(storeId: string): Store {
    let store = this.#stores.get(storeId);
    if (!store) {
      store = { remembered: undefined, refreshing: undefined, changes: 0 };
      this.#stores.set(storeId, store);
    }
    return store;
  }
}

function lookUp({ byId, byName }: Remembered, idOrName: string): BoundProfile | undefined {
  return byId.get(idOrName) ?? byName.get(idOrName);
}

function index(snapshot: ProfileSnapshot, checkedAt: number): Remembered {
  return {
    ...snapshot,
    byId: new Map(snapshot.living.map((bound) => [bound.profile.id, bound])),
    byName: new Map(snapshot.living.map((bound) => [bound.profile.name, bound])),
    checkedAt,
  };
}
