import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { Database, StampedMemory } from '@claviger/platform/database';
import { VaultProfileRepository, type BoundProfile, type ProfileSnapshot } from './vault-profile.repository.js';

type Remembered = ProfileSnapshot & {
  readonly byId: ReadonlyMap<string, BoundProfile>;
  readonly byName: ReadonlyMap<string, BoundProfile>;
};

/**
 * The profiles of all stores in memory, with their instances: what every request looks up. A change by this process is
 * seen once it has committed, one by another process within a second; what is not found is looked for once more.
 */
@Injectable()
export class ProfileDirectory {
  readonly #memory: StampedMemory<Remembered>;
  readonly #listeners: ((storeId: string, living: readonly BoundProfile[]) => void)[] = [];

  constructor(database: Database, profiles: VaultProfileRepository, @Inject(CLOCK) clock: Clock) {
    this.#memory = new StampedMemory(database, clock, {
      stamp: (ctx) => profiles.stamp(ctx),
      load: async (ctx) => index(await profiles.snapshot(ctx)),
      onLoad: (storeId, { living }) => {
        for (const listener of this.#listeners) listener(storeId, living);
      },
    });
  }

  /** A living profile by its id or name. */
  async find(ctx: RequestContext, idOrName: string): Promise<BoundProfile | undefined> {
    const known = await this.#memory.read(ctx);
    const found = lookUp(known, idOrName);
    if (found || ctx.transaction) return found;
    return lookUp(await this.#memory.readNewer(ctx, known), idOrName);
  }

  /** A living profile by its id, inside a transaction as the database has it now. */
  async findNow(ctx: RequestContext, id: string): Promise<BoundProfile | undefined> {
    const known = ctx.transaction ? this.#memory.readNow(ctx) : this.#memory.read(ctx);
    return (await known).byId.get(id);
  }

  /** Names of all profiles by id, removed ones included. */
  async names(ctx: RequestContext): Promise<ReadonlyMap<string, string>> {
    return (await this.#memory.read(ctx)).names;
  }

  /** To be called in the transaction of a change: once it has committed, nobody here sees the state before it. */
  changed(tx: RequestContext): void {
    this.#memory.changed(tx);
  }

  /** Calls `listener` with the profiles of a store whenever they were read anew. */
  onReload(listener: (storeId: string, living: readonly BoundProfile[]) => void): void {
    this.#listeners.push(listener);
  }
}

function lookUp({ byId, byName }: Remembered, idOrName: string): BoundProfile | undefined {
  return byId.get(idOrName) ?? byName.get(idOrName);
}

function index(snapshot: ProfileSnapshot): Remembered {
  return {
    ...snapshot,
    byId: new Map(snapshot.living.map((bound) => [bound.profile.id, bound])),
    byName: new Map(snapshot.living.map((bound) => [bound.profile.name, bound])),
  };
}
