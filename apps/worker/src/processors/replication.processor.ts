import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { systemContext, type RequestContext } from '@claviger/kernel';
import {
  RECONCILE_SECRET,
  Reconciler,
  ReplicationService,
  SWEEP_TARGETS,
  VERIFY_TARGETS,
} from '@claviger/features/replication';
import { Keyring } from '@claviger/platform/crypto';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

@Injectable()
export class ReplicationProcessor implements BeforeApplicationShutdown {
  constructor(
    private readonly reconciler: Reconciler,
    private readonly replication: ReplicationService,
    private readonly keyring: Keyring,
  ) {}

  @HandlesJob(RECONCILE_SECRET)
  async reconcile(payload: { storeId: string; secretId: string }, run: JobRun): Promise<void> {
    const { requestId, trace } = run;
    await this.reconciler.reconcile(
      systemContext({ requestId, storeId: payload.storeId, job: 'replication', trace }),
      payload.secretId,
    );
  }

  @HandlesJob(SWEEP_TARGETS)
  async sweep(_: object, run: JobRun): Promise<void> {
    await this.replication.sweep(this.#context(run));
  }

  @HandlesJob(VERIFY_TARGETS)
  async verify(_: object, run: JobRun): Promise<void> {
    await this.replication.verifyDue(this.#context(run));
  }

  /** Slow targets outlive their job; they end before the process does. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.reconciler.drain();
  }

  #context(run: JobRun): RequestContext {
    return systemContext({ requestId: run.requestId, storeId: this.keyring.rootStoreId, job: 'replication' });
  }
}
