import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { Database, StampedMemory } from '@claviger/platform/database';
import { ApprovalProfileRepository, type ApprovalProfile } from './approval-profile.repository.js';

type Remembered = { readonly stamp: string; readonly byName: ReadonlyMap<string, ApprovalProfile> };

/** The approval profiles in force, in memory: every change asks whether one has a say. */
@Injectable()
export class ApprovalDirectory {
  readonly #memory: StampedMemory<Remembered>;

  constructor(database: Database, profiles: ApprovalProfileRepository, @Inject(CLOCK) clock: Clock) {
    this.#memory = new StampedMemory<Remembered>(database, clock, {
      stamp: (ctx) => profiles.stamp(ctx),
      load: async (ctx) => {
        const { stamp, all } = await profiles.snapshot(ctx);
        return { stamp, byName: new Map(all.map((profile) => [profile.name, profile])) };
      },
    });
  }

  /** From memory; inside a transaction as the database has it now. */
  async find(ctx: RequestContext, name: string): Promise<ApprovalProfile | undefined> {
    if (ctx.transaction) return (await this.#memory.readNow(ctx)).byName.get(name);
    const known = await this.#memory.read(ctx);
    return known.byName.get(name) ?? (await this.#memory.readNewer(ctx, known)).byName.get(name);
  }

  /** To be called in the transaction of a change. */
  changed(tx: RequestContext): void {
    this.#memory.changed(tx);
  }
}
