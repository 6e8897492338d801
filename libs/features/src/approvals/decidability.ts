import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import type { ApprovalStep } from './approval-profile.entity.js';
import { tooFewVoters } from './approval.errors.js';
import { Electorate } from './electorate.js';
import { findUndecidable } from './quorum.policy.js';

/** More than all votes of all steps together: whoever is beyond it changes no answer. */
const ENOUGH_VOTERS = 200;

/** Refuses steps that nobody, or too few, could decide. */
@Injectable()
export class Decidability {
  constructor(private readonly electorate: Electorate) {}

  /** @throws AppError TOO_FEW_VOTERS */
  async assert(ctx: RequestContext, steps: readonly ApprovalStep[]): Promise<void> {
    const counted: { voters: Set<string>; votes: number }[] = [];
    for (const step of steps) {
      const voters = await this.electorate.list(ctx, step, ENOUGH_VOTERS);
      counted.push({ voters: new Set(voters.map(({ id }) => id)), votes: step.votes });
    }
    const undecidable = findUndecidable(counted);
    if (undecidable) throw tooFewVoters(undecidable);
  }
}
