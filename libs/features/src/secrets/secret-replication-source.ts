import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import type { ReplicatedSecret, ReplicationSource, SourceContent } from '@claviger/features/replication';
import type { VaultContent } from '@claviger/vaults/contract';
import { ContentReader } from './content-reader.js';
import { DeleteSecretHandler } from './delete-secret.handler.js';
import { SecretFingerprints } from './secret-fingerprints.js';
import type { SecretType } from './content/index.js';
import { secretNotFound } from './secret.errors.js';
import { SecretRepository } from './secret.repository.js';

/** Secrets as replication sees them. */
@Injectable()
export class SecretReplicationSource implements ReplicationSource {
  constructor(
    private readonly secrets: SecretRepository,
    private readonly reader: ContentReader,
    private readonly keyed: SecretFingerprints,
    private readonly deletion: DeleteSecretHandler,
  ) {}

  async find(ctx: RequestContext, secretId: string): Promise<ReplicatedSecret | undefined> {
    return (await this.secrets.find(ctx, secretId)) ?? undefined;
  }

  async read(ctx: RequestContext, secretId: string, version: number): Promise<SourceContent> {
    const secret = await this.secrets.find(ctx, secretId);
    if (!secret) throw secretNotFound();
    return this.reader.readVersion(ctx, secret, version);
  }

  fingerprint(ctx: RequestContext, secret: ReplicatedSecret, content: VaultContent, like: string): string {
    return this.keyed.of(ctx.storeId, secret.type as SecretType, content, like);
  }

  fingerprints(
    ctx: RequestContext,
    secret: ReplicatedSecret,
    content: VaultContent,
    like: string,
  ): readonly [string, ...string[]] {
    const type = secret.type as SecretType;
    // What no secret can hold is told by throwing.
    const first = this.keyed.of(ctx.storeId, type, content, like);
    return [first, ...this.keyed.underAll(ctx.storeId, type, content, like).slice(1)];
  }

  findVersion(ctx: RequestContext, secretId: string, fingerprints: readonly string[]): Promise<number | undefined> {
    return this.secrets.findVersionByFingerprint(ctx, secretId, fingerprints);
  }

  async lock(tx: RequestContext, secretId: string): Promise<void> {
    await this.secrets.lock(tx, secretId);
  }

  allTargetsGone(ctx: RequestContext, secretId: string): Promise<void> {
    return this.deletion.allTargetsGone(ctx, secretId);
  }
}
