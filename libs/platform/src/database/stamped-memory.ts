import type { Clock, RequestContext } from '@claviger/kernel';
import type { Database } from './database.js';

/** After this time a copy in memory is distrusted until its stamp was compared. */
const TRUST_MS = 1_000;

/** Something read from the database; `stamp` differs whenever it was changed in between. */
type Stamped = { readonly stamp: string };
type Remembered<T> = { readonly value: T; readonly checkedAt: number };
type Store<T> = {
  remembered: Remembered<T> | undefined;
  refreshing: Promise<Remembered<T>> | undefined;
  changes: number;
};

export type StampedMemoryOptions<T> = {
  /** Cheap: tells whether what is remembered is still so. */
  readonly stamp: (ctx: RequestContext) => Promise<string>;
  /** Reads everything; its stamp must be read first, so that it never looks newer than it is. */
  readonly load: (ctx: RequestContext) => Promise<T>;
  /** Called whenever it was read anew. */
  readonly onLoad?: (storeId: string, value: T) => void;
};

/**
 * Something small of every store kept in memory, because every request looks it up. A change by this process is seen once
 * it has committed, one by another process within a second.
 */
export class StampedMemory<T extends Stamped> {
  readonly #stores = new Map<string, Store<T>>();

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly options: StampedMemoryOptions<T>,
  ) {}

  async read(ctx: RequestContext): Promise<T> {
    const { remembered } = this.#store(ctx.storeId);
    if (remembered && this.clock.now().getTime() - remembered.checkedAt < TRUST_MS) return remembered.value;
    return ctx.transaction ? this.#readInside(ctx, remembered) : (await this.#refresh(ctx)).value;
  }

  /** The same as the database has it now, whatever is remembered: for decisions in the transaction that acts on them. */
  readNow(ctx: RequestContext): Promise<T> {
    return this.#readInside(ctx, this.#store(ctx.storeId).remembered);
  }

  /** The same, compared with the database now: for what was not found in `known`. Not for inside a transaction. */
  async readNewer(ctx: RequestContext, known: T): Promise<T> {
    const { remembered } = this.#store(ctx.storeId);
    // Somebody else has just compared it.
    if (remembered && remembered.value !== known) return remembered.value;
    return (await this.#refresh(ctx)).value;
  }

  /** To be called in the transaction of a change: once it has committed, nobody here sees the state before it. */
  changed(tx: RequestContext): void {
    this.database.afterCommit(tx, () => {
      const store = this.#store(tx.storeId);
      store.changes += 1;
      store.remembered = undefined;
    });
  }

  /**
   * Not remembered. Inside a transaction its own connection is used (waiting for a second one could block the pool), and what it shows
   * may never commit.
   */
  async #readInside(ctx: RequestContext, remembered: Remembered<T> | undefined): Promise<T> {
    if (remembered && remembered.value.stamp === (await this.options.stamp(ctx))) return remembered.value;
    return this.options.load(ctx);
  }

  /** Brings the copy up to date; callers at the same time share the work. */
  #refresh(ctx: RequestContext): Promise<Remembered<T>> {
    const store = this.#store(ctx.storeId);
    store.refreshing ??= this.#load(ctx, store).finally(() => (store.refreshing = undefined));
    return store.refreshing;
  }

  async #load(ctx: RequestContext, store: Store<T>): Promise<Remembered<T>> {
    for (;;) {
      const { changes, remembered } = store;
      const checkedAt = this.clock.now().getTime();
      const isCurrent = remembered && remembered.value.stamp === (await this.options.stamp(ctx));
      const value = isCurrent ? remembered.value : await this.options.load(ctx);
      if (changes !== store.changes) continue;
      store.remembered = { value, checkedAt };
      if (!isCurrent) this.options.onLoad?.(ctx.storeId, value);
      return store.remembered;
    }
  }

  #store(storeId: string): Store<T> {
    let store = this.#stores.get(storeId);
    if (!store) {
      store = { remembered: undefined, refreshing: undefined, changes: 0 };
      this.#stores.set(storeId, store);
    }
    return store;
  }
}
