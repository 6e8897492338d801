import { Injectable } from '@nestjs/common';
import { systemContext, type RequestContext } from '@claviger/kernel';
import { REMIND_OF_SECRETS, SecretReminders, SourceVerification, VERIFY_SOURCES } from '@claviger/features/secrets';
import { Keyring } from '@claviger/platform/crypto';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

@Injectable()
export class SecretProcessor {
  constructor(
    private readonly verification: SourceVerification,
    private readonly reminders: SecretReminders,
    private readonly keyring: Keyring,
  ) {}

  @HandlesJob(VERIFY_SOURCES)
  async verify(_: object, run: JobRun): Promise<void> {
    const ctx = { ...this.#context(run, 'secret.verify-sources'), signal: run.signal };
    while (!run.signal.aborted && (await this.verification.run(ctx)) > 0);
  }

  @HandlesJob(REMIND_OF_SECRETS)
  async remind(_: object, run: JobRun): Promise<void> {
    const ctx = this.#context(run, 'secret.remind');
    while (!run.signal.aborted && (await this.reminders.run(ctx)) > 0);
  }

  #context({ requestId }: JobRun, job: string): RequestContext {
    return systemContext({ requestId, storeId: this.keyring.rootStoreId, job });
  }
}
