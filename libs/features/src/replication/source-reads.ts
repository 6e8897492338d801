import { AppError, faultPoint, type RequestContext } from '@claviger/kernel';
import type { VaultContent } from '@claviger/vaults/contract';
import type { ReplicatedSecret, ReplicationSource, SourceContent } from './replication-source.js';
import type { SyncTargetEntity } from './sync-target.entity.js';

/** The source could not be read; `reason` is why. */
export class SourceFailure extends Error {
  constructor(readonly reason: unknown) {
    super('The source could not be read.');
  }
}

/** Reads the source of one secret for one job: once a version, however many targets want it. */
export class SourceReads {
  readonly #reads = new Map<number, Promise<SourceContent>>();

  constructor(
    private readonly source: ReplicationSource,
    private readonly secret: ReplicatedSecret,
  ) {}

  /**
   * The content that a target should hold, checked against the fingerprint that its version recorded.
   * @throws SourceFailure
   */
  async content(ctx: RequestContext, target: SyncTargetEntity): Promise<VaultContent> {
    try {
      const { content, fingerprint } = await this.#read(ctx, target.desiredVersion);
      const { desiredFingerprint: desired } = target;
      const isDesired =
        fingerprint === desired || this.source.fingerprint(ctx, this.secret, content, desired) === desired;
      if (!isDesired) throw sourceMoved();
      return content;
    } catch (error) {
      throw new SourceFailure(error);
    }
  }

  #read(ctx: RequestContext, version: number): Promise<SourceContent> {
    let read = this.#reads.get(version);
    if (!read) {
      read = this.source.read(ctx, this.secret.id, version).then((content) => {
        faultPoint('reconcile.source-read');
        return content;
      });
      this.#reads.set(version, read);
    }
    return read;
  }
}

const sourceMoved = (): AppError =>
  new AppError({
    code: 'SOURCE_MOVED',
    kind: 'conflict',
    message: 'The source has gone on to another version.',
    retryable: true,
  });
