import { hash } from 'node:crypto';

/** What a seal says: these batches of entries, after that seal. Its signature covers all of it. */
export type AuditSealBody = {
  readonly storeId: string;
  /** 1, 2, 3 … without gaps, per store. */
  readonly number: number;
  /** Database cluster (its system identifier) whose transactions the watermark counts. Decimal digits, as is `watermarkTx`. */
  readonly epoch: string;
  /** The last batch that is sealed: transaction, then id. The seal covers what follows the epoch's previous watermark. */
  readonly watermarkTx: string;
  readonly watermarkId: string;
  readonly batchCount: number;
  /** RFC 6962 root over {@link sealLeaf} of each batch, in (tx, id) order. Hexadecimal, as are the others. */
  readonly merkleRoot: string;
  /** {@link sealHash} of the seal before, or {@link NO_SEAL}. */
  readonly previousHash: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly sealedAt: string;
  /** The store's audit key that the signing key is derived from. */
  readonly keyId: string;
};

export type AuditSeal = AuditSealBody & {
  /** Ed25519 over {@link canonicalSeal}. */
  readonly signature: string;
};

/** What the first seal names as the hash of the seal before it. */
export const NO_SEAL = '0'.repeat(64);

/** The text that is hashed and signed. */
export function canonicalSeal(seal: AuditSealBody): string {
  return JSON.stringify([
    'claviger-audit-seal/1',
    seal.storeId,
    seal.number,
    seal.epoch,
    seal.watermarkTx,
    seal.watermarkId,
    seal.batchCount,
    seal.merkleRoot,
    seal.previousHash,
    seal.sealedAt,
    seal.keyId,
  ]);
}

/** What the next seal and the anchor file name this seal by: SHA-256, hexadecimal. */
export function sealHash(seal: AuditSealBody): string {
  return hash('sha256', canonicalSeal(seal));
}

/** A batch's leaf: epoch and transaction as 8 bytes each (big-endian), digest and MAC as 32 bytes each. */
export function sealLeaf(batch: { epoch: string; tx: string; digest: string; mac: string }): Buffer {
  const order = Buffer.allocUnsafe(16);
  order.writeBigInt64BE(BigInt(batch.epoch), 0);
  order.writeBigInt64BE(BigInt(batch.tx), 8);
  return Buffer.concat([order, Buffer.from(batch.digest, 'hex'), Buffer.from(batch.mac, 'hex')]);
}

export const SEAL_LEAF_BYTES = 80;
