import { Injectable } from '@nestjs/common';
import { SWEEP_APPROVALS, VotingService } from '@claviger/features/approvals';
import { systemContext } from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

/** Jobs of approvals. */
@Injectable()
export class ApprovalProcessor {
  constructor(
    private readonly voting: VotingService,
    private readonly keyring: Keyring,
  ) {}

  @HandlesJob(SWEEP_APPROVALS)
  async sweep(_: object, run: JobRun): Promise<void> {
    const storeId = this.keyring.rootStoreId;
    await this.voting.sweep(systemContext({ requestId: run.requestId, storeId, job: 'approval.sweep' }));
  }
}
