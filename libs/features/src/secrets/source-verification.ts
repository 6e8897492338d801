import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, isAppError, type Clock, type RequestContext } from '@claviger/kernel';
import { CONFIG, type Config } from '@claviger/platform/config';
import { ContentReader } from './content-reader.js';
import { SecretRepository } from './secret.repository.js';

const BATCH = 20;

/** Compares sources with what is recorded, on schedule. */
@Injectable()
export class SourceVerification {
  constructor(
    private readonly secrets: SecretRepository,
    private readonly reader: ContentReader,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Verifies a batch of secrets whose time has come; returns how many. A source that does not answer waits a turn. */
  async run(ctx: RequestContext): Promise<number> {
    const now = this.clock.now();
    const next = new Date(now.getTime() + this.config.work.verifyIntervalSeconds * 1_000);
    const ids = await this.secrets.takeDueVerifications(ctx, now, next, BATCH);
    for (const id of ids) {
      const secret = await this.secrets.find(ctx, id);
      if (secret?.state !== 'active') continue;
      await this.reader.verify(ctx, secret).catch((error: unknown) => {
        if (!isAppError(error)) throw error;
      });
    }
    return ids.length;
  }
}
