import type { RequestContext } from '@claviger/kernel';
import type { VaultContent } from '@claviger/vaults/contract';

/** What replication needs to know of a secret. */
export type ReplicatedSecret = {
  readonly id: string;
  readonly type: string;
  /** Replication rests for a disabled secret; only copies that are to go still go. */
  readonly isDisabled: boolean;
};

export type SourceContent = {
  readonly content: VaultContent;
  /** Of that content, under whatever key it was recorded with. */
  readonly fingerprint: string;
};

/** The secrets room as replication sees it. Implemented there, so that replication imports no secrets. */
export interface ReplicationSource {
  /** Undefined when there is no such secret any more. */
  find(ctx: RequestContext, secretId: string): Promise<ReplicatedSecret | undefined>;
  /**
   * The content of a version, read from the source vault. When the secret has gone on meanwhile it may be that of a newer
   * version; the fingerprint tells.
   * @throws VaultError of the source; AppError `SOURCE_DRIFTED` when what is there is not what the version recorded
   */
  read(ctx: RequestContext, secretId: string, version: number): Promise<SourceContent>;
  /**
   * The fingerprint of content as this secret's type, under the key that `like` was made with.
   * @throws AppError of kind `invalid` or `too_large` for what no secret can hold
   */
  fingerprint(ctx: RequestContext, secret: ReplicatedSecret, content: VaultContent, like: string): string;
  /**
   * The fingerprints of content as this secret's type under every key that the store has, that of `like` first: what was
   * recorded of the content at whatever time is among them.
   * @throws AppError of kind `invalid` or `too_large` for what no secret can hold
   */
  fingerprints(
    ctx: RequestContext,
    secret: ReplicatedSecret,
    content: VaultContent,
    like: string,
  ): readonly [string, ...string[]];
  /** The version whose recorded fingerprint is one of these, if any: tells a copy of ours from a foreign change. */
  findVersion(ctx: RequestContext, secretId: string, fingerprints: readonly string[]): Promise<number | undefined>;
  /** Keeps the secret from being changed until the transaction ends. */
  lock(tx: RequestContext, secretId: string): Promise<void>;
  /** Called in a transaction, with the secret locked, when the last of its targets has ended. */
  allTargetsGone(tx: RequestContext, secretId: string): Promise<void>;
}

/** Nest injection token of the {@link ReplicationSource}. */
export const REPLICATION_SOURCE = Symbol('REPLICATION_SOURCE');
