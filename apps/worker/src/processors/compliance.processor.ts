import { Injectable } from '@nestjs/common';
import { Evaluator, RunWorker, SWEEP_COMPLIANCE, WaiverService } from '@claviger/features/compliance';
import { systemContext } from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

/** Jobs of compliance. */
@Injectable()
export class ComplianceProcessor {
  constructor(
    private readonly runs: RunWorker,
    private readonly evaluator: Evaluator,
    private readonly waivers: WaiverService,
    private readonly keyring: Keyring,
  ) {}

  @HandlesJob(SWEEP_COMPLIANCE)
  async sweep(_: object, run: JobRun): Promise<void> {
    const storeId = this.keyring.rootStoreId;
    const ctx = systemContext({ requestId: run.requestId, storeId, job: 'compliance.sweep' });
    // Somebody waits for what was asked for.
    await this.runs.run(ctx, run.signal);
    await this.waivers.tellExpiring(ctx);
    await this.evaluator.sweep(ctx, run.signal);
  }
}
