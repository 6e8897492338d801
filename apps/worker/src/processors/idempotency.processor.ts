import { Injectable } from '@nestjs/common';
import { systemContext } from '@claviger/kernel';
import { IdempotencyService, REMOVE_EXPIRED_ANSWERS } from '@claviger/features/idempotency';
import { Keyring } from '@claviger/platform/crypto';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

@Injectable()
export class IdempotencyProcessor {
  constructor(
    private readonly idempotency: IdempotencyService,
    private readonly keyring: Keyring,
  ) {}

  @HandlesJob(REMOVE_EXPIRED_ANSWERS)
  async removeExpired(_: object, run: JobRun): Promise<void> {
    await this.idempotency.removeExpired(
      systemContext({ requestId: run.requestId, storeId: this.keyring.rootStoreId, job: 'idempotency.remove-expired' }),
    );
  }
}
