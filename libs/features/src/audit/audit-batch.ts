import { hash } from 'node:crypto';
import type { NamedMac } from '@claviger/platform/crypto';
import { parseEntryText, type AuditEntry, type AuditEntryFields } from './audit-entry.js';

/**
 * The entries that one process stored together, as they are stored: one row of `audit_batch`. Digest and MAC are made once
 * for all of them, and cover the text as it stands there.
 */
export type AuditBatch = {
  /** Of the first entry, as are `id`, `storeId` (which all share) and `macKeyId`; with `id` the key. */
  readonly day: string;
  readonly id: string;
  readonly storeId: string;
  /** The texts of the entries, one a line. */
  readonly entries: string;
  /** {@link batchDigest} of the entries. */
  readonly digest: string;
  /** {@link auditMac} of the digest. */
  readonly mac: string;
  readonly macKeyId: string;
};

/** @param entries one store's, at least one. @param mac the key that the first names */
export function makeBatch(entries: readonly AuditEntry[], mac: NamedMac): AuditBatch {
  const { day, id, storeId, macKeyId } = entries[0]!;
  const text = joined(entries.map((entry) => entry.text));
  const digest = batchDigest(text);
  return { day, id, storeId, entries: text, digest, mac: auditMac(mac, digest), macKeyId };
}

/** SHA-256 of the entries' UTF-8, lower-case hexadecimal. */
export function batchDigest(entries: string): string {
  return hash('sha256', entries);
}

/** HMAC-SHA-256 of a digest's hexadecimal text under a store's audit key, lower-case hexadecimal. */
export function auditMac(mac: NamedMac, digest: string): string {
  return mac.hmac(digest).toString('hex');
}

/** Texts of entries as the text of a batch. */
export function joined(texts: readonly string[]): string {
  return texts.join('\n');
}

/** The entries of a batch; none when its text is not, to the letter, what Claviger writes. */
export function parseEntries(entries: string): readonly AuditEntryFields[] {
  const parsed: AuditEntryFields[] = [];
  for (const line of entries.split('\n')) {
    const fields = parseEntryText(line);
    if (!fields) return [];
    parsed.push(fields);
  }
  return parsed;
}
