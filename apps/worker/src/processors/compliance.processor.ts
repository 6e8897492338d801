import { Injectable } from '@nestjs/common';
import { Evaluator, SWEEP_COMPLIANCE } from '@claviger/features/compliance';
import { systemContext } from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

/** Jobs of compliance. */
@Injectable()
export class ComplianceProcessor {
  constructor(
    private readonly evaluator: Evaluator,
    private readonly keyring: Keyring,
  ) {}

  @HandlesJob(SWEEP_COMPLIANCE)
  async sweep(_: object, run: JobRun): Promise<void> {
    const storeId = this.keyring.rootStoreId;
    await this.evaluator.sweep(
      systemContext({ requestId: run.requestId, storeId, job: 'compliance.sweep' }),
      run.signal,
    );
  }
}
