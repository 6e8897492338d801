import type { AuditExport } from './audit-export.js';
import type { ChainBatch } from './audit-record.js';
import type { AuditFinding, DroppedDays } from './audit-report.js';
import { sealHash, sealLeaf, type AuditSeal } from './audit-seal.js';
import { MerkleTree } from './merkle.js';

type Found = Pick<AuditFinding, 'code' | 'message'>;
export type DroppedRecord = AuditExport & { readonly foundSha256: string | null };

const MAX_NAMED_FILES = 20;

/** Goes along what was exported and dropped while a log is followed. */
export class DroppedDaysTrail {
  #current: DroppedRecord | undefined;
  /** The last one whose seals have all gone by. */
  #closed: DroppedRecord | undefined;
  #kept = new MerkleTree();
  #throughDay = '';
  #filledEntries = 0;
  #missingEntries = 0;
  #missingSeals = 0;
  readonly #missingFiles: string[] = [];

  /** True between a statement without a file and the last seal that it names: there are no batches. */
  get isGap(): boolean {
    return this.#current?.foundSha256 === null;
  }

  /** True where seals of a statement are still to come, or another statement may follow before what was kept. */
  get isOpen(): boolean {
    return this.#current !== undefined;
  }

  /** @param nextSeal that has to come next. @param isSigned whether the signature is the store's */
  begin(record: DroppedRecord, nextSeal: number, isSigned: boolean): Found | undefined {
    const name = `The statement that the days up to ${record.throughDay} were exported and dropped`;
    if (!isSigned) return { code: 'EXPORT_SIGNATURE_WRONG', message: `${name} is not signed by the store.` };
    const number = (this.#closed?.number ?? 0) + 1;
    if (this.#current || record.number !== number || record.firstSeal !== nextSeal)
      return { code: 'EXPORT_MISSING', message: `${name} does not follow the one before it.` };
    if (record.foundSha256 !== null && record.foundSha256 !== record.sha256)
      return { code: 'EXPORT_FILE_CHANGED', message: `The file ${record.file} is not the one that was written.` };
    if (record.foundSha256 === null) this.#miss(record);
    else this.#filledEntries += record.entries;
    this.#current = record;
    if (record.throughDay > this.#throughDay) this.#throughDay = record.throughDay;
    return undefined;
  }

  #miss({ entries, firstSeal, lastSeal, file }: DroppedRecord): void {
    this.#missingEntries += entries;
    this.#missingSeals += lastSeal - firstSeal + 1;
    if (this.#missingFiles.length < MAX_NAMED_FILES) this.#missingFiles.push(file);
  }

  /** A seal that holds otherwise. */
  take(seal: AuditSeal): Found | undefined {
    const current = this.#current;
    if (!current || seal.number < current.lastSeal) return undefined;
    this.#current = undefined;
    this.#closed = current;
    this.#kept = new MerkleTree();
    if (sealHash(seal) === current.lastSealHash) return undefined;
    return { code: 'EXPORT_MISSING', message: `The file ${current.file} was written of another log.` };
  }

  /** A batch that holds otherwise, of a day that was not dropped. */
  keep(batch: ChainBatch): void {
    this.#kept.add(sealLeaf(batch));
  }

  /** To be asked once the kept batches have gone by. */
  finish(): Found | undefined {
    if (this.#current)
      return { code: 'SEAL_MISSING', message: `Seals that the file ${this.#current.file} holds are missing.` };
    const closed = this.#closed;
    const found = this.#kept.size;
    if (!closed || (found === closed.keptCount && this.#kept.root().toString('hex') === closed.keptRoot))
      return undefined;
    return {
      code: 'KEPT_BATCHES_CHANGED',
      message: `When the days up to ${closed.throughDay} were dropped, ${closed.keptCount} batches of later days under their seals stayed; now there are ${found}, or others.`,
    };
  }

  get summary(): DroppedDays | undefined {
    return this.#throughDay
      ? {
          throughDay: this.#throughDay,
          filledEntries: this.#filledEntries,
          missingEntries: this.#missingEntries,
          missingSeals: this.#missingSeals,
          missingFiles: this.#missingFiles,
        }
      : undefined;
  }
}
