import { Injectable } from '@nestjs/common';
import { systemContext } from '@claviger/kernel';
import { SourceVerification, VERIFY_SOURCES } from '@claviger/features/secrets';
import { Keyring } from '@claviger/platform/crypto';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

@Injectable()
export class SecretProcessor {
  constructor(
    private readonly verification: SourceVerification,
    private readonly keyring: Keyring,
  ) {}

  @HandlesJob(VERIFY_SOURCES)
  async verify(_: object, run: JobRun): Promise<void> {
    const ctx = systemContext({
      requestId: run.requestId,
      storeId: this.keyring.rootStoreId,
      job: 'secret.verify-sources',
    });
    while (!run.signal.aborted && (await this.verification.run({ ...ctx, signal: run.signal })) > 0);
  }
}
