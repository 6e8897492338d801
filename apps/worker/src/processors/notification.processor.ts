import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { systemContext, type RequestContext } from '@claviger/kernel';
import { Deliverer, FanOut, REMOVE_OLD_DELIVERIES, SWEEP_NOTIFICATIONS } from '@claviger/features/notifications';
import { Keyring } from '@claviger/platform/crypto';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

@Injectable()
export class NotificationProcessor implements BeforeApplicationShutdown {
  constructor(
    private readonly fanOut: FanOut,
    private readonly deliverer: Deliverer,
    private readonly keyring: Keyring,
  ) {}

  @HandlesJob(SWEEP_NOTIFICATIONS)
  async sweep(_: object, run: JobRun): Promise<void> {
    const ctx = this.#context(run);
    await this.fanOut.run(ctx, run.signal);
    await this.deliverer.start(ctx);
  }

  @HandlesJob(REMOVE_OLD_DELIVERIES)
  async removeOld(_: object, run: JobRun): Promise<void> {
    await this.fanOut.removeOld(this.#context(run), run.signal);
  }

  /** Attempts outlive their job; they end before the process does. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.deliverer.stop();
  }

  #context(run: JobRun): RequestContext {
    return systemContext({ requestId: run.requestId, storeId: this.keyring.rootStoreId, job: 'notification' });
  }
}
