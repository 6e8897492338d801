import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { ChangeDigests } from './change-digest.js';
import { ChangeGateSlot } from './change-gate.js';
import { ChangeJudgeSlot } from './change-judge.js';
import { ChangeHandlers } from './change-handler.js';
import { toExecuting } from './change-row.js';
import type { ReviewStep } from './change-subject.js';
import type { ExecutingChange, Proposal } from './executing-change.js';

/** What submitting a proposal would do now. */
export type ChangePreview = {
  /** At each vault; empty when none is touched. */
  readonly plan: readonly ReviewStep[];
  /** Names of the approval profiles that it would wait for; empty when it would go on at once. */
  readonly waitsFor: readonly string[];
};

/** Says what changes would do, by the same steps that do it. Nothing remains of it. */
@Injectable()
export class ChangePreviews {
  constructor(
    private readonly database: Database,
    private readonly handlers: ChangeHandlers,
    private readonly slot: ChangeGateSlot,
    private readonly judges: ChangeJudgeSlot,
    private readonly digests: ChangeDigests,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError what submitting or beginning the change would be refused with */
  async preview<P>(ctx: RequestContext, { kind, change: prepared }: Proposal<P>): Promise<ChangePreview> {
    const change = toExecuting(ctx, prepared, this.clock.now());
    await this.judges.judge.judge(ctx, kind, change);
    await this.#rehearse(ctx, kind, change);
    const binding = await this.slot.gate.bind(ctx, change);
    return {
      plan: (await this.handlers.keeper(change.subject.kind).plan?.(ctx, kind, change)) ?? [],
      waitsFor: binding?.approvalProfiles.map(({ name }) => name) ?? [],
    };
  }

  /**
   * A digest of everything in our records that the outcome depends on: of the subject, of the profiles that it touches, and
   * of the approval profiles that have a say. Not of what is in the vaults.
   */
  async digestWorld<P>(ctx: RequestContext, proposal: Proposal<P>): Promise<string> {
    return this.digests.ofWorld(ctx, await this.#world(ctx, proposal));
  }

  /** Whether the records still are those of an earlier {@link digestWorld}. */
  async isSameWorld<P>(ctx: RequestContext, proposal: Proposal<P>, digest: string): Promise<boolean> {
    return this.digests.matchesWorld(ctx, await this.#world(ctx, proposal), digest);
  }

  async #world<P>(ctx: RequestContext, { kind, change: prepared }: Proposal<P>): Promise<unknown> {
    const change = toExecuting(ctx, prepared, this.clock.now());
    const gate = await this.slot.gate.bind(ctx, change);
    return { gate: gate ?? null, subject: await this.handlers.keeper(change.subject.kind).bind(ctx, kind, change) };
  }

  async #rehearse(ctx: RequestContext, kind: string, change: ExecutingChange): Promise<void> {
    const end = new Error('The rehearsal is over.');
    try {
      await this.database.transaction(ctx, async (tx) => {
        await this.handlers.get(kind).begin?.(tx, change);
        throw end;
      });
    } catch (error) {
      if (error !== end) throw error;
    }
  }
}
