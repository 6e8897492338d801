import type { AppError, RequestContext } from '@claviger/kernel';
import type { RuleReview } from './change-subject.js';
import type { ExecutingChange } from './executing-change.js';

/** What a judge looks at of a change. */
export type Judgeable = Pick<ExecutingChange, 'subject' | 'secretId' | 'parameters'>;

/** Says which changes are refused by rules, whoever approves them. `changes` knows it by these words only; compliance stands behind it. */
export interface ChangeJudge {
  /** False when no rule could refuse a write of content at that vault profile, whatever it writes. From memory. */
  couldRefuse(ctx: RequestContext, vaultProfileId: string): Promise<boolean>;
  /**
   * Judges what a change would make of its subject, before anything is written. Inside a transaction as the database has it now.
   * @throws AppError COMPLIANCE_BLOCKED
   */
  judge(ctx: RequestContext, kind: string, change: Judgeable): Promise<void>;
  /** Tells of a refusal, if it is the judge's own. */
  tell(ctx: RequestContext, change: Judgeable, refusal: AppError): Promise<void>;
  /** What rules find before and after a change. */
  review(ctx: RequestContext, kind: string, change: Judgeable): Promise<readonly RuleReview[]>;
}

/** Where the judge is put when its module starts. Without one nothing is executed. */
export class ChangeJudgeSlot {
  #judge: ChangeJudge | undefined;

  set(judge: ChangeJudge): void {
    this.#judge = judge;
  }

  get judge(): ChangeJudge {
    if (!this.#judge) throw new Error('No judge for changes: ComplianceModule is missing.');
    return this.#judge;
  }
}
