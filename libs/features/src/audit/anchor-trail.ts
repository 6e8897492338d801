import type { AuditAnchor } from './anchor-file.js';
import { sealHash, type AuditSeal } from './audit-seal.js';
import type { AuditFinding } from './audit-report.js';

/** Walks along a store's anchors, which must be in the order of their numbers, while its seals go by in theirs. */
export class AnchorTrail {
  readonly #anchors: AsyncIterator<AuditAnchor>;
  #next: Promise<IteratorResult<AuditAnchor>>;
  #matched = 0;
  #last: AuditSeal | undefined;

  constructor(anchors: AsyncIterable<AuditAnchor>) {
    this.#anchors = anchors[Symbol.asyncIterator]();
    this.#next = this.#anchors.next();
  }

  /** The newest seal that an anchor vouches for, and with it everything before. */
  get vouchedUpTo(): AuditSeal | undefined {
    return this.#last;
  }

  get matched(): number {
    return this.#matched;
  }

  /** Lets go of the anchors that were not read. */
  async close(): Promise<void> {
    await this.#anchors.return?.();
  }

  /** Passes by the anchors of earlier seals, of which nothing is known. */
  async skipBefore(number: number): Promise<void> {
    for (let next = await this.#next; !next.done && next.value.number < number; next = await this.#next)
      this.#next = this.#anchors.next();
  }

  /** Compares a seal with the anchors of its number. */
  async check(seal: AuditSeal): Promise<AuditFinding | undefined> {
    for (let next = await this.#next; !next.done; next = await this.#next) {
      const anchor = next.value;
      if (anchor.number > seal.number) return undefined;
      if (anchor.number < seal.number) return wentBack(anchor);
      if (anchor.hash !== sealHash(seal))
        return {
          code: 'SEAL_NOT_THE_ANCHORED',
          seal: seal.number,
          message: `Seal ${seal.number} is not the one that was anchored on ${anchor.sealedAt}: the log was rewritten, or restored to an earlier state and continued.`,
        };
      this.#matched += 1;
      this.#last = seal;
      this.#next = this.#anchors.next();
    }
    return undefined;
  }

  /** What the anchors say after the last seal. */
  async finish(last: AuditSeal | undefined): Promise<AuditFinding | undefined> {
    const next = await this.#next;
    if (next.done) return undefined;
    const anchor = next.value;
    const number = (last?.number ?? 0) + 1;
    if (anchor.number < number) return wentBack(anchor);
    return {
      code: 'TAIL_CUT',
      seal: number,
      message: `Seal ${number} is missing: an anchor of ${anchor.sealedAt} names seal ${anchor.number}. The end of the log was cut off, or the database was restored to an earlier state.`,
    };
  }
}

function wentBack(anchor: AuditAnchor): AuditFinding {
  return {
    code: 'ANCHORS_WENT_BACK',
    seal: anchor.number,
    message: `The anchors name seal ${anchor.number} after a later one: in between, the end of the log was cut off, or the database was restored to an earlier state.`,
  };
}
