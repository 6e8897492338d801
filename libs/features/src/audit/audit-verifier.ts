import type { AuditAnchor } from './anchor-file.js';
import { AnchorTrail } from './anchor-trail.js';
import { auditMac, batchDigest, joined } from './audit-batch.js';
import { entryText } from './audit-entry.js';
import { isExportSignedBy } from './audit-export.js';
import type { AuditKeys } from './audit-keys.js';
import type { AuditPart, AuditRecord, ChainBatch } from './audit-record.js';
import type { AuditFinding, AuditReport } from './audit-report.js';
import { NO_SEAL, sealHash, sealLeaf, type AuditSeal } from './audit-seal.js';
import { DroppedDaysTrail, type DroppedRecord } from './dropped-days.js';
import { MerkleTree } from './merkle.js';
import { isSignedBy } from './seal-key.js';

export type AuditEvidence = {
  /** One store's log, in the order of `AuditRecord`; undefined stands for something that could not be read. */
  readonly records: AsyncIterable<AuditRecord | undefined>;
  /** That store's anchors in the order in which they were written, taken before the records. */
  readonly anchors?: AsyncIterable<AuditAnchor>;
  /** Without them, signatures are checked with the keys among the records. */
  readonly keys?: AuditKeys;
};

/** Follows a log from its first batch and stops at the first link that does not hold. Memory does not grow with the log. */
export async function verifyAudit(evidence: AuditEvidence): Promise<AuditReport> {
  const following = followAudit(evidence);
  for (;;) {
    const next = await following.next();
    if (next.done) return next.value;
  }
}

/** The same; gives each record that holds so far, and the report at the end. */
export async function* followAudit(evidence: AuditEvidence): AsyncGenerator<AuditRecord, AuditReport, undefined> {
  const chain = new Chain(evidence);
  try {
    for await (const record of evidence.records) {
      const broken = await chain.take(record);
      if (broken) return chain.report(broken);
      yield record!;
    }
    return chain.report(await chain.finish());
  } finally {
    await chain.close();
  }
}

type Header = Extract<AuditRecord, { kind: 'export' }>;

class Chain {
  readonly #keys: AuditKeys | undefined;
  readonly #anchors: AnchorTrail | undefined;
  readonly #ownKeys = new Map<string, string>();
  readonly #ends = new Map<string, ChainBatch>();
  readonly #keptEnds = new Map<string, ChainBatch>();
  readonly #dropped = new DroppedDaysTrail();
  #storeId: string | undefined;
  /** Of the files that hold one. */
  #part: AuditPart | undefined;
  #firstSeal = 1;
  #lastNumber = 0;
  #lastHash = NO_SEAL;
  #last: AuditSeal | undefined;
  #sealed = 0;
  /** Entries since the last seal. */
  #unsealed = 0;
  #tree = new MerkleTree();
  #first: ChainBatch | undefined;
  #latest: ChainBatch | undefined;
  #areKeptDone = false;

  constructor({ keys, anchors }: AuditEvidence) {
    this.#keys = keys;
    this.#anchors = anchors && new AnchorTrail(anchors);
  }

  async take(record: AuditRecord | undefined): Promise<AuditFinding | undefined> {
    if (!record) return this.#broken('RECORD_UNREADABLE', 'A line of the export is not a record that Claviger writes.');
    if (record.kind === 'key') {
      this.#ownKeys.set(record.keyId, record.publicKey);
      return undefined;
    }
    this.#storeId ??= record.storeId;
    if (record.storeId !== this.#storeId)
      return this.#broken(
        'STORE_MIXED',
        `Something of store ${record.storeId} is in the log of store ${this.#storeId}.`,
      );
    switch (record.kind) {
      case 'export':
        return this.#takeHeader(record);
      case 'dropped':
        return this.#takeDropped(record);
      case 'kept':
        return this.#takeKept(record);
      case 'batch':
        return this.#finishKept() ?? this.#takeBatch(record);
      case 'seal':
        return this.#takeSeal(record);
    }
  }

  async #takeHeader({ part }: Header): Promise<AuditFinding | undefined> {
    const isFirst = this.#lastNumber === 0 && this.#part === undefined;
    if (isFirst && part) {
      this.#firstSeal = part.firstSeal;
      this.#lastNumber = part.firstSeal - 1;
      this.#lastHash = part.previousHash;
      await this.#anchors?.skipBefore(part.firstSeal);
    }
    const cut = this.#finishPart();
    if (cut) return cut;
    this.#part = part;
    if (isFirst || part?.firstSeal === this.#nextNumber) return undefined;
    return this.#broken(
      'EXPORT_MISSING',
      `Seal ${this.#nextNumber} is in none of the files: the next one begins at seal ${part?.firstSeal ?? 1}.`,
    );
  }

  #finishPart(): AuditFinding | undefined {
    if (!this.#part || (this.#part.lastSeal === this.#lastNumber && this.#tree.size === 0)) return undefined;
    return this.#broken('EXPORT_CUT', `A file ends before seal ${this.#part.lastSeal}, which it should end with.`);
  }

  #takeDropped(record: DroppedRecord): AuditFinding | undefined {
    const publicKey = this.#publicKey(record.keyId);
    const isSigned = publicKey !== undefined && isExportSignedBy(record, publicKey);
    return this.#found(this.#dropped.begin(record, this.#nextNumber, isSigned));
  }

  #takeKept(batch: ChainBatch): AuditFinding | undefined {
    const broken = this.#judgeBatch(batch, this.#keptEnds);
    if (!broken) this.#dropped.keep(batch);
    return broken;
  }

  #finishKept(): AuditFinding | undefined {
    // Of a gap there are no batches, and of what a file holds the kept ones come later.
    if (this.#areKeptDone || this.#dropped.isOpen) return undefined;
    this.#areKeptDone = true;
    return this.#found(this.#dropped.finish());
  }

  #takeBatch(batch: ChainBatch): AuditFinding | undefined {
    const broken = this.#judgeBatch(batch, this.#ends);
    if (broken) return broken;
    this.#tree.add(sealLeaf(batch));
    this.#unsealed += batch.entries.length;
    this.#first ??= batch;
    this.#latest = batch;
    return undefined;
  }

  /** @param ends the last batch so far of each epoch */
  #judgeBatch(batch: ChainBatch, ends: Map<string, ChainBatch>): AuditFinding | undefined {
    const name = `${batch.day}/${batch.id}`;
    const previous = ends.get(batch.epoch);
    if (previous && !isAfter(batch, previous))
      return this.#broken(
        'BATCH_OUT_OF_ORDER',
        `It comes after batch ${previous.day}/${previous.id}, which is later.`,
        name,
      );
    if (batchDigest(joined(batch.entries.map(entryText))) !== batch.digest || !isNamedByEntries(batch))
      return this.#broken('BATCH_CHANGED', 'The entries do not match their digest: they were changed.', name);
    if (this.#keys?.source === 'keyring' && !hasTrueMac(batch, this.#keys))
      return this.#broken(
        'BATCH_MAC_WRONG',
        "The MAC over the entries is not the store's: they were changed or made elsewhere.",
        name,
      );
    ends.set(batch.epoch, batch);
    return undefined;
  }

  async #takeSeal(seal: AuditSeal): Promise<AuditFinding | undefined> {
    const broken =
      this.#finishKept() ??
      this.#judgeSeal(seal) ??
      this.#judgeBatches(seal) ??
      (await this.#anchors?.check(seal)) ??
      this.#found(this.#dropped.take(seal));
    if (broken) return broken;
    this.#lastNumber = seal.number;
    this.#lastHash = sealHash(seal);
    this.#sealed += this.#unsealed;
    this.#unsealed = 0;
    this.#last = seal;
    this.#tree = new MerkleTree();
    this.#first = undefined;
    this.#latest = undefined;
    return undefined;
  }

  #judgeSeal(seal: AuditSeal): AuditFinding | undefined {
    if (seal.number !== this.#nextNumber)
      return this.#broken('SEAL_MISSING', `Seal ${this.#nextNumber} is missing; seal ${seal.number} comes instead.`);
    const publicKey = this.#publicKey(seal.keyId);
    if (!publicKey || !isSignedBy(seal, publicKey))
      return this.#broken(
        'SEAL_SIGNATURE_WRONG',
        "The seal's signature is not the store's: it was changed or made elsewhere.",
      );
    if (seal.previousHash !== this.#lastHash)
      return this.#broken('SEAL_CHAIN_BROKEN', 'The seal does not follow the one before it.');
    return undefined;
  }

  #judgeBatches(seal: AuditSeal): AuditFinding | undefined {
    const found = this.#tree.size;
    if (found === 0 && this.#dropped.isGap) return undefined;
    if (found < seal.batchCount)
      return this.#broken(
        'SEAL_BATCHES_MISSING',
        `${seal.batchCount} batches of entries were sealed and ${found} are there.`,
      );
    if (found > seal.batchCount)
      return this.#broken(
        'SEAL_BATCHES_ADDED',
        `${seal.batchCount} batches of entries were sealed and ${found} are there.`,
      );
    if (this.#tree.root().toString('hex') !== seal.merkleRoot || !isWatermark(this.#latest, seal))
      return this.#broken('SEAL_BATCHES_CHANGED', 'The batches are not those that were sealed, or not in that order.');
    return undefined;
  }

  async finish(): Promise<AuditFinding | undefined> {
    const broken = this.#finishPart() ?? this.#finishKept() ?? this.#found(this.#dropped.finish());
    // Files need not reach to the end of the log.
    return broken ?? (this.#part ? undefined : this.#anchors?.finish(this.#last));
  }

  async close(): Promise<void> {
    await this.#anchors?.close();
  }

  report(broken: AuditFinding | undefined): AuditReport {
    const dropped = this.#dropped.summary;
    const vouched = this.#anchors?.vouchedUpTo;
    return {
      isIntact: broken === undefined,
      ...(broken && { broken }),
      sealedEntries: this.#sealed,
      seals: this.#last?.number ?? 0,
      ...(this.#firstSeal > 1 && { firstSeal: this.#firstSeal }),
      ...(dropped && { dropped }),
      ...(this.#last && { lastSealedAt: this.#last.sealedAt }),
      tail: {
        count: this.#unsealed,
        ...(this.#first && { from: this.#first.entries[0]!.at, to: this.#latest!.entries.at(-1)!.at }),
      },
      areMacsChecked: this.#keys?.source === 'keyring',
      keySource: this.#keys?.source ?? 'export',
      ...(this.#anchors && {
        anchors: {
          matched: this.#anchors.matched,
          ...(vouched && { vouchedUpTo: { seal: vouched.number, sealedAt: vouched.sealedAt } }),
        },
      }),
    };
  }

  get #nextNumber(): number {
    return this.#lastNumber + 1;
  }

  #publicKey(keyId: string): string | undefined {
    return this.#keys ? this.#keys.publicKey(keyId) : this.#ownKeys.get(keyId);
  }

  #found(found: Pick<AuditFinding, 'code' | 'message'> | undefined): AuditFinding | undefined {
    return found && this.#broken(found.code, found.message);
  }

  #broken(code: AuditFinding['code'], message: string, batch?: string): AuditFinding {
    return { code, message, seal: this.#nextNumber, ...(batch !== undefined && { batch }) };
  }
}

function isAfter(batch: ChainBatch, previous: ChainBatch): boolean {
  const [tx, before] = [BigInt(batch.tx), BigInt(previous.tx)];
  return tx === before ? batch.id > previous.id : tx > before;
}

function isWatermark(batch: ChainBatch | undefined, seal: AuditSeal): boolean {
  return batch?.epoch === seal.epoch && batch.tx === seal.watermarkTx && batch.id === seal.watermarkId;
}

/** The first entry names the batch, and all are of its store. */
function isNamedByEntries({ entries, day, id, storeId, macKeyId }: ChainBatch): boolean {
  const first = entries[0];
  return (
    first?.day === day &&
    first.id === id &&
    first.macKeyId === macKeyId &&
    entries.every((entry) => entry.storeId === storeId)
  );
}

function hasTrueMac(batch: ChainBatch, keys: AuditKeys): boolean {
  const mac = keys.mac(batch.macKeyId);
  return mac !== undefined && auditMac(mac, batch.digest) === batch.mac;
}
