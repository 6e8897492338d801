import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { parseContent, type JsonObject, type ReadResult } from '@claviger/vaults/contract';
import { validateContent } from './content/index.js';
import { SecretFingerprints } from './secret-fingerprints.js';
import type { SecretEntity } from './secret.entity.js';
import { changeStale, noDrift, nothingToAdopt } from './secret.errors.js';
import { findCurrent, SourceVault, type OpenSource } from './source-vault.js';

/** Content that somebody put at a source, and what is known of it without its value. */
export type FoundContent = {
  readonly found: ReadResult;
  readonly parsed: JsonObject;
  readonly fingerprint: string;
  readonly facts: Record<string, unknown>;
};

/** Reads what was found at a source and is none of ours, before anybody makes it a version. */
@Injectable()
export class FoundDrift {
  constructor(
    private readonly vault: SourceVault,
    private readonly fingerprints: SecretFingerprints,
  ) {}

  /**
   * What is there now, if it still is what was shown as drift and is content of the secret's type. `source` is the opened
   * source of the secret, where the caller has it.
   * @throws AppError NO_DRIFT, NOTHING_TO_ADOPT, CHANGE_STALE, CONTENT_*; VaultError of the source
   */
  async read(ctx: RequestContext, secret: SecretEntity, source?: OpenSource): Promise<FoundContent> {
    const { drift, type } = secret;
    if (!drift) throw noDrift();
    if (drift.kind !== 'content') throw nothingToAdopt();
    const found = await findCurrent(source ?? (await this.vault.open(ctx, secret)));
    if (!found) throw nothingToAdopt();
    // What is adopted is what was shown as drift, not what came after it.
    if (!this.fingerprints.matches(ctx.storeId, type, found.content, drift.fingerprint!)) throw changeStale();
    const parsed = parseContent(found.content.reveal());
    const { facts } = await validateContent(type, parsed);
    return { found, parsed, fingerprint: this.fingerprints.ofParsed(ctx.storeId, type, parsed), facts };
  }
}
