import { Injectable } from '@nestjs/common';
import { systemContext } from '@claviger/kernel';
import { ADVANCE_KEY_ROTATIONS, KeyRotator } from '@claviger/features/keys';
import { Keyring } from '@claviger/platform/crypto';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

@Injectable()
export class KeyProcessor {
  constructor(
    private readonly rotator: KeyRotator,
    private readonly keyring: Keyring,
  ) {}

  @HandlesJob(ADVANCE_KEY_ROTATIONS)
  async advance(_: object, { requestId, signal, trace }: JobRun): Promise<void> {
    const ctx = systemContext({ requestId, storeId: this.keyring.rootStoreId, job: 'keys.advance-rotations', trace });
    await this.rotator.advance({ ...ctx, signal });
  }
}
