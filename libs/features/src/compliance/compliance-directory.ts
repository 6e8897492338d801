import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { Database, StampedMemory } from '@claviger/platform/database';
import { compileRule, type CompiledRule } from './compiled-rules.js';
import { ComplianceProfileRepository, type ComplianceProfile } from './compliance-profile.repository.js';

/** A profile in force, ready to judge. */
export type CompiledProfile = Omit<ComplianceProfile, 'rules'> & { readonly rules: readonly CompiledRule[] };

type Remembered = {
  readonly stamp: string;
  readonly all: readonly CompiledProfile[];
  /** Those with a rule that blocks. */
  readonly blocking: readonly CompiledProfile[];
};

export function compileProfile(profile: ComplianceProfile): CompiledProfile {
  return { ...profile, rules: profile.rules.map(compileRule) };
}

/** The compliance profiles in force, in memory and compiled: every change asks whether one blocks it. */
@Injectable()
export class ComplianceDirectory {
  readonly #memory: StampedMemory<Remembered>;

  constructor(database: Database, profiles: ComplianceProfileRepository, @Inject(CLOCK) clock: Clock) {
    this.#memory = new StampedMemory<Remembered>(database, clock, {
      stamp: (ctx) => profiles.stamp(ctx),
      load: async (ctx) => {
        const { stamp, all } = await profiles.snapshot(ctx);
        const compiled = all.map(compileProfile);
        const blocking = compiled.filter(({ rules }) => rules.some(({ mode }) => mode === 'block'));
        return { stamp, all: compiled, blocking };
      },
    });
  }

  /** As the database has them now, for what is recorded as their judgement. In a transaction. */
  async allNow(tx: RequestContext): Promise<readonly CompiledProfile[]> {
    return (await this.#memory.readNow(tx)).all;
  }

  /** All that are in force. From memory. */
  async all(ctx: RequestContext): Promise<readonly CompiledProfile[]> {
    return (await this.#memory.read(ctx)).all;
  }

  /** Those with a rule that blocks; from memory, and inside a transaction as the database has them now. */
  async blocking(ctx: RequestContext): Promise<readonly CompiledProfile[]> {
    return (await (ctx.transaction ? this.#memory.readNow(ctx) : this.#memory.read(ctx))).blocking;
  }

  /** To be called in the transaction of a change. */
  changed(tx: RequestContext): void {
    this.#memory.changed(tx);
  }
}
