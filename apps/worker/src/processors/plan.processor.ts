import { Injectable } from '@nestjs/common';
import { systemContext } from '@claviger/kernel';
import { CARRY_ON_PLAN, PlanWorker, SWEEP_PLANS } from '@claviger/features/plans';
import { Keyring } from '@claviger/platform/crypto';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

/** Jobs of plans. */
@Injectable()
export class PlanProcessor {
  constructor(
    private readonly plans: PlanWorker,
    private readonly keyring: Keyring,
  ) {}

  @HandlesJob(CARRY_ON_PLAN)
  async carryOn({ storeId, planId }: { storeId: string; planId: string }, run: JobRun): Promise<void> {
    const ctx = systemContext({ requestId: run.requestId, storeId, job: 'plan.carry-on', trace: run.trace });
    await this.plans.carryOn({ ...ctx, signal: run.signal }, planId);
  }

  @HandlesJob(SWEEP_PLANS)
  async sweep(_: object, run: JobRun): Promise<void> {
    const storeId = this.keyring.rootStoreId;
    const ctx = systemContext({ requestId: run.requestId, storeId, job: 'plan.sweep' });
    await this.plans.sweep({ ...ctx, signal: run.signal });
  }
}
