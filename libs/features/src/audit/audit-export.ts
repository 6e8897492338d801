import type { SealSigner } from './seal-key.js';
import { isTextSignedBy } from './seal-key.js';

/**
 * What Claviger says when days of the log are about to be dropped: these seals, with the batches under them, are in that
 * file. Signed, so that nobody who only writes to the database can say it of what he removed.
 */
export type AuditExportBody = {
  readonly storeId: string;
  /** 1, 2, 3 … without gaps, per store. */
  readonly number: number;
  /** Entries up to and with this UTC day, `YYYY-MM-DD`, may be dropped. */
  readonly throughDay: string;
  /** The seals that the file holds, each with all its batches. The next export begins after the last one. */
  readonly firstSeal: number;
  readonly lastSeal: number;
  /** `sealHash` of the last one. Hexadecimal, as are the other hashes. */
  readonly lastSealHash: string;
  /** Name of the file, without a directory. */
  readonly file: string;
  /** SHA-256 of the file as it lies there, compressed. */
  readonly sha256: string;
  readonly entries: number;
  /** Batches of later days that these and earlier seals cover: they stay in the database until their day is dropped. */
  readonly keptCount: number;
  /** RFC 6962 root over `sealLeaf` of each of them, in the order of epoch, transaction and id. */
  readonly keptRoot: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly exportedAt: string;
  /** The store's audit key that the signing key is derived from. */
  readonly keyId: string;
};

export type AuditExport = AuditExportBody & {
  /** Ed25519 over {@link canonicalExport}, hexadecimal. */
  readonly signature: string;
};

/** The text that is signed. */
export function canonicalExport(body: AuditExportBody): string {
  return JSON.stringify([
    'claviger-audit-dropped/1',
    body.storeId,
    body.number,
    body.throughDay,
    body.firstSeal,
    body.lastSeal,
    body.lastSealHash,
    body.file,
    body.sha256,
    body.entries,
    body.keptCount,
    body.keptRoot,
    body.exportedAt,
    body.keyId,
  ]);
}

export function signExport(body: AuditExportBody, signer: SealSigner): AuditExport {
  return { ...body, signature: signer.signText(canonicalExport(body)) };
}

/** @param publicKey 32 bytes in base64 */
export function isExportSignedBy(exported: AuditExport, publicKey: string): boolean {
  return isTextSignedBy(canonicalExport(exported), exported.signature, publicKey);
}
