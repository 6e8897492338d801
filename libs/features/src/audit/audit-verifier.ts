import type { AuditAnchor } from './anchor-file.js';
import { AnchorTrail } from './anchor-trail.js';
import { auditDigest, auditMac } from './audit-entry.js';
import type { AuditKeys } from './audit-keys.js';
import type { AuditRecord, ChainEntry } from './audit-record.js';
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

/** Follows a log from its first entry and stops at the first link that does not hold. Memory does not grow with the log. */
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
  readonly #ends = new Map<string, ChainEntry>();
  #storeId: string | undefined;
  #last: AuditSeal | undefined;
  #sealed = 0;
  #tree = new MerkleTree();
  #first: ChainEntry | undefined;
  #latest: ChainEntry | undefined;

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
    if (record.kind === 'entry') return this.#takeEntry(record);
    if (record.kind === 'seal') return this.#takeSeal(record);
    return undefined;
  }

  #takeEntry(entry: ChainEntry): AuditFinding | undefined {
    const name = `${entry.day}/${entry.id}`;
    const previous = this.#ends.get(entry.epoch);
    if (previous && !isAfter(entry, previous))
      return this.#broken(
        'ENTRY_OUT_OF_ORDER',
        `It comes after entry ${previous.day}/${previous.id}, which is later.`,
        name,
      );
    if (auditDigest(entry) !== entry.digest)
      return this.#broken('ENTRY_CHANGED', 'The entry does not match its digest: it was changed.', name);
    if (this.#keys?.source === 'keyring' && !hasTrueMac(entry, this.#keys))
      return this.#broken(
        'ENTRY_MAC_WRONG',
        "The entry's MAC is not the store's: it was changed or made elsewhere.",
        name,
      );
    this.#ends.set(entry.epoch, entry);
    this.#tree.add(sealLeaf(entry));
    this.#first ??= entry;
    this.#latest = entry;
    return undefined;
  }

  async #takeSeal(seal: AuditSeal): Promise<AuditFinding | undefined> {
    const broken = this.#judgeSeal(seal) ?? this.#judgeEntries(seal) ?? (await this.#anchors?.check(seal));
    if (broken) return broken;
    this.#sealed += this.#tree.size;
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

  #judgeEntries(seal: AuditSeal): AuditFinding | undefined {
    const found = this.#tree.size;
    if (found < seal.entryCount)
      return this.#broken('SEAL_ENTRIES_MISSING', `${seal.entryCount} entries were sealed and ${found} are there.`);
    if (found > seal.entryCount)
      return this.#broken('SEAL_ENTRIES_ADDED', `${seal.entryCount} entries were sealed and ${found} are there.`);
    if (this.#tree.root().toString('hex') !== seal.merkleRoot || !isWatermark(this.#latest, seal))
      return this.#broken('SEAL_ENTRIES_CHANGED', 'The entries are not those that were sealed, or not in that order.');
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
      tail: { count: this.#tree.size, ...(this.#first && { from: this.#first.at, to: this.#latest!.at }) },
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

  #broken(code: AuditFinding['code'], message: string, entry?: string): AuditFinding {
    return { code, message, seal: this.#nextNumber, ...(entry !== undefined && { entry }) };
  }
}

function isAfter(entry: ChainEntry, previous: ChainEntry): boolean {
  const [tx, before] = [BigInt(entry.tx), BigInt(previous.tx)];
  return tx === before ? entry.id > previous.id : tx > before;
}

function isWatermark(entry: ChainEntry | undefined, seal: AuditSeal): boolean {
  return entry?.epoch === seal.epoch && entry.tx === seal.watermarkTx && entry.id === seal.watermarkId;
}

function hasTrueMac(entry: ChainEntry, keys: AuditKeys): boolean {
  const mac = keys.mac(entry.macKeyId);
  return mac !== undefined && auditMac(mac, entry.digest) === entry.mac;
}
