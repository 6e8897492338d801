import { Injectable } from '@nestjs/common';
import { systemContext } from '@claviger/kernel';
import { REMOVE_ENDED_TOKENS, TokenService } from '@claviger/features/access';
import { Keyring } from '@claviger/platform/crypto';
import { HandlesJob, type JobRun } from '@claviger/platform/queue';

@Injectable()
export class AccessProcessor {
  constructor(
    private readonly tokens: TokenService,
    private readonly keyring: Keyring,
  ) {}

  @HandlesJob(REMOVE_ENDED_TOKENS)
  async removeEnded(_: object, run: JobRun): Promise<void> {
    await this.tokens.removeEnded(
      systemContext({ requestId: run.requestId, storeId: this.keyring.rootStoreId, job: 'token.remove-ended' }),
    );
  }
}
