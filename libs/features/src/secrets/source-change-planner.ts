import { Inject, Injectable } from '@nestjs/common';
import { TargetHandover } from '@claviger/features/replication';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import type { ChangeSourceParameters } from './change-source.handler.js';
import { SecretPlanner, type PlanStep } from './secret-planner.js';
import type { SecretEntity } from './secret.entity.js';
import { judgeCandidate } from './source-change.policy.js';

/** Says what a change of source would do at the new and at the old place. */
@Injectable()
export class SourceChangePlanner {
  constructor(
    private readonly planner: SecretPlanner,
    private readonly handover: TargetHandover,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async plan(ctx: RequestContext, secret: SecretEntity, parameters: ChangeSourceParameters): Promise<PlanStep[]> {
    const stays = { action: 'retain', reason: 'Stays as it is, and is a sync profile from then on.' } as const;
    return [await this.#planNew(ctx, secret, parameters), { profile: parameters.from, role: 'target', ...stays }];
  }

  async #planNew(
    ctx: RequestContext,
    secret: SecretEntity,
    { to, isTarget, onConflict }: ChangeSourceParameters,
  ): Promise<PlanStep> {
    const { id, name, type, currentFingerprint } = secret;
    if (!isTarget) {
      const there = { name, type, source: to, targets: [], onConflict, fingerprint: currentFingerprint! };
      return (await this.planner.planCreate(ctx, id, there))[0]!;
    }
    const step = { profile: to.profile, role: 'source' } as const;
    const target = await this.handover.find(ctx, id, to.profileId);
    const verdict = judgeCandidate(target, secret, this.clock.now());
    if (verdict.is === 'equal') return { ...step, action: 'no-op', reason: 'It is a sync profile, and equal already.' };
    if (verdict.is === 'waiting')
      return { ...step, action: 'update', reason: 'It is a sync profile, and about to become equal.' };
    if (onConflict === 'overwrite')
      return { ...step, action: 'update', reason: 'It is a sync profile, and is made equal, as asked.' };
    return { ...step, action: 'blocked', reason: `${verdict.cause} ${verdict.action}` };
  }
}
