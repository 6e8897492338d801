import type { Database } from '@claviger/platform/database';
import type { Logger } from '@claviger/platform/telemetry';
import type { AnchorFile, AuditAnchor } from './anchor-file.js';
import { sealHash, type AuditSeal } from './audit-seal.js';
import { AuditSealRepository } from './audit-seal.repository.js';

/**
 * Keeps the anchor file at the newest seal. What a crash left out is made good by the next seal that is kept, or at the
 * first look after the start.
 */
export class SealAnchors {
  readonly #kept = new Map<string, number>();

  constructor(
    private readonly file: AnchorFile,
    private readonly database: Database,
    private readonly logger: Logger,
  ) {}

  /** Appends an anchor to a store's newest seal, unless it is there. */
  async keep(seal: AuditSeal, publicKey: string): Promise<void> {
    const kept = this.#kept.get(seal.storeId) ?? (await this.#look(seal));
    if (kept !== seal.number) await this.file.append(anchorTo(seal, publicKey));
    this.#kept.set(seal.storeId, seal.number);
  }

  /** The last anchored number. A file that knows of seals which the database does not have is a finding, not a reason to stop. */
  async #look(newest: AuditSeal): Promise<number | undefined> {
    const anchor = await this.file.findLast(newest.storeId);
    if (!anchor || (await this.#isTrue(anchor))) return anchor?.number;
    this.logger.error('audit.anchor_disagrees', {
      storeId: newest.storeId,
      anchoredSeal: anchor.number,
      newestSeal: newest.number,
    });
    return undefined;
  }

  async #isTrue(anchor: AuditAnchor): Promise<boolean> {
    const seals = new AuditSealRepository(this.database.dataSource.manager);
    const seal = await seals.find(anchor.storeId, anchor.number);
    return seal !== undefined && sealHash(seal) === anchor.hash;
  }
}

function anchorTo(seal: AuditSeal, publicKey: string): AuditAnchor {
  return {
    storeId: seal.storeId,
    number: seal.number,
    hash: sealHash(seal),
    sealedAt: seal.sealedAt,
    keyId: seal.keyId,
    publicKey,
  };
}
