import { Inject, Injectable, Optional } from '@nestjs/common';
import { CLOCK, systemContext, type Clock } from '@claviger/kernel';
import {
  ABANDON_CHANGES,
  ChangeRetention,
  ChangeService,
  RECOVER_CHANGES,
  RETAIN_CHANGES,
} from '@claviger/features/changes';
import { Keyring } from '@claviger/platform/crypto';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

const KEEP_FAILED_MS = 86_400_000;

@Injectable()
export class ChangeProcessor {
  constructor(
    private readonly changes: ChangeService,
    private readonly keyring: Keyring,
    @Inject(CLOCK) private readonly clock: Clock,
    @Optional() @Inject(ChangeRetention) private readonly retention: ChangeRetention | undefined,
  ) {}

  @HandlesJob(RECOVER_CHANGES)
  async recover(_: object, run: JobRun): Promise<void> {
    const { requestId, trace } = run;
    const { rootStoreId: storeId } = this.keyring;
    await this.changes.recover(systemContext({ requestId, storeId, job: 'change.recover', trace }));
  }

  @HandlesJob(ABANDON_CHANGES)
  async abandon(_: object, run: JobRun): Promise<void> {
    const ctx = systemContext({ requestId: run.requestId, storeId: this.keyring.rootStoreId, job: 'change.abandon' });
    await this.changes.abandonFailed(ctx, new Date(this.clock.now().getTime() - KEEP_FAILED_MS));
  }

  @HandlesJob(RETAIN_CHANGES)
  async retain(_: object, run: JobRun): Promise<void> {
    await this.retention?.run(run.signal);
  }
}
