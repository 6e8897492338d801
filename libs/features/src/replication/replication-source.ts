import type { RequestContext } from '@claviger/kernel';
import type { VaultContent } from '@claviger/vaults/contract';

/** What replication needs to know of a secret. */
export type ReplicatedSecret = {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  /** Replication rests for a disabled secret; `deleting` ones lose their copies. */
  readonly isDisabled: boolean;
  readonly state: string;
  readonly sourceProfileId: string;
};

export type SourceContent = {
  readonly content: VaultContent;
  /** Of the content that was read, computed afresh. */
  readonly fingerprint: string;
};

/** The secrets room as replication sees it. Implemented there, so that replication imports no secrets. */
export interface ReplicationSource {
  /** Undefined when there is no such secret any more. */
  find(ctx: RequestContext, secretId: string): Promise<ReplicatedSecret | undefined>;
  /**
   * The content of a version, read from the source vault.
   * @throws VaultError of the source; AppError `SOURCE_DRIFTED` when what is there is not what the version recorded
   */
  read(ctx: RequestContext, secretId: string, version: number): Promise<SourceContent>;
  /** The fingerprint of content as this secret's type, under the key that `like` was made with if given. */
  fingerprint(ctx: RequestContext, secret: ReplicatedSecret, content: VaultContent, like?: string): string;
  /** The version whose recorded fingerprint is this one, if any: tells a restored copy from a foreign change. */
  findVersion(ctx: RequestContext, secretId: string, fingerprint: string): Promise<number | undefined>;
  /** Called in a transaction when the last copy of a secret in state `deleting` is confirmed to be gone. */
  allTargetsGone(ctx: RequestContext, secretId: string): Promise<void>;
}

/** Nest injection token of the {@link ReplicationSource}. */
export const REPLICATION_SOURCE = Symbol('REPLICATION_SOURCE');
