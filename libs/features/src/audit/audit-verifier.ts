import type { AuditAnchor } from './anchor-file.js';
import { AnchorTrail } from './anchor-trail.js';
import { auditMac, batchDigest, joined } from './audit-batch.js';
import { entryText } from './audit-entry.js';
import type { AuditKeys } from './audit-keys.js';
import type { AuditRecord, ChainBatch } from './audit-record.js';
import type { AuditFinding, AuditReport } from './audit-report.js';
import { NO_SEAL, sealHash, sealLeaf, type AuditSeal } from './audit-seal.js';
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
  const chain = new Chain(evidence);
  try {
    for await (const record of evidence.records) {
      const broken = await chain.take(record);
      if (broken) return chain.report(broken);
    }
    return chain.report(await chain.finish());
  } finally {
    await chain.close();
  }
}

class Chain {
  readonly #keys: AuditKeys | undefined;
  readonly #anchors: AnchorTrail | undefined;
  readonly #ownKeys = new Map<string, string>();
  readonly #ends = new Map<string, ChainBatch>();
  #storeId: string | undefined;
  #last: AuditSeal | undefined;
  #sealed = 0;
  /** Entries since the last seal. */
  #unsealed = 0;
  #tree = new MerkleTree();
  #first: ChainBatch | undefined;
  #latest: ChainBatch | undefined;

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
    if (record.kind === 'batch') return this.#takeBatch(record);
    if (record.kind === 'seal') return this.#takeSeal(record);
    return undefined;
  }

  #takeBatch(batch: ChainBatch): AuditFinding | undefined {
    const name = `${batch.day}/${batch.id}`;
    const previous = this.#ends.get(batch.epoch);
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
    this.#ends.set(batch.epoch, batch);
    this.#tree.add(sealLeaf(batch));
    this.#unsealed += batch.entries.length;
    this.#first ??= batch;
    this.#latest = batch;
    return undefined;
  }

  async #takeSeal(seal: AuditSeal): Promise<AuditFinding | undefined> {
    const broken = this.#judgeSeal(seal) ?? this.#judgeBatches(seal) ?? (await this.#anchors?.check(seal));
    if (broken) return broken;
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
    const publicKey = this.#keys ? this.#keys.publicKey(seal.keyId) : this.#ownKeys.get(seal.keyId);
    if (!publicKey || !isSignedBy(seal, publicKey))
      return this.#broken(
        'SEAL_SIGNATURE_WRONG',
        "The seal's signature is not the store's: it was changed or made elsewhere.",
      );
    if (seal.previousHash !== (this.#last ? sealHash(this.#last) : NO_SEAL))
      return this.#broken('SEAL_CHAIN_BROKEN', 'The seal does not follow the one before it.');
    return undefined;
  }

  #judgeBatches(seal: AuditSeal): AuditFinding | undefined {
    const found = this.#tree.size;
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
    return this.#anchors?.finish(this.#last);
  }

  async close(): Promise<void> {
    await this.#anchors?.close();
  }

  report(broken: AuditFinding | undefined): AuditReport {
    const vouched = this.#anchors?.vouchedUpTo;
    return {
      isIntact: broken === undefined,
      ...(broken && { broken }),
      sealedEntries: this.#sealed,
      seals: this.#last?.number ?? 0,
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
    return (this.#last?.number ?? 0) + 1;
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
