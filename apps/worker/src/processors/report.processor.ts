import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { systemContext, type RequestContext } from '@claviger/kernel';
import { EXPIRE_REPORTS, ReportDrawer, ReportKeeper, ReportScheduler, SWEEP_REPORTS } from '@claviger/features/reports';
import { Keyring } from '@claviger/platform/crypto';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

@Injectable()
export class ReportProcessor implements BeforeApplicationShutdown {
  constructor(
    private readonly drawer: ReportDrawer,
    private readonly keeper: ReportKeeper,
    private readonly scheduler: ReportScheduler,
    private readonly keyring: Keyring,
  ) {}

  @HandlesJob(SWEEP_REPORTS)
  async sweep(_: object, run: JobRun): Promise<void> {
    const ctx = this.#context(run);
    await this.scheduler.run(ctx, run.signal);
    this.drawer.start(ctx);
  }

  @HandlesJob(EXPIRE_REPORTS)
  async expire(_: object, run: JobRun): Promise<void> {
    await this.keeper.expire(this.#context(run), run.signal);
  }

  /** A drawing outlives its job; it is given up before the process ends. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.drawer.stop();
  }

  #context(run: JobRun): RequestContext {
    return systemContext({ requestId: run.requestId, storeId: this.keyring.rootStoreId, job: 'report' });
  }
}
