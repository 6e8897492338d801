import { hash } from 'node:crypto';
import { newId, type RequestContext } from '@claviger/kernel';
import type { NamedMac } from '@claviger/platform/crypto';
import type { AuditDetails, AuditEvent, AuditOutcome } from './audit-event.js';
import { cleaned, needsCleaning } from './audit-text.js';

/** What an entry says, and all that its digest covers. The order of transactions is the seal's business. */
export type AuditEntryFields = {
  /** UTC day of `at`, `YYYY-MM-DD`; with `id` the key. */
  readonly day: string;
  readonly id: string;
  readonly storeId: string;
  /** ISO 8601, UTC, milliseconds. */
  readonly at: string;
  readonly actorType: string;
  readonly actorId: string;
  readonly actorAccessor: string | null;
  readonly actorName: string;
  readonly actorRootId: string;
  readonly action: string;
  readonly outcome: AuditOutcome;
  readonly resourceKind: string;
  readonly resourceId: string | null;
  readonly resourceName: string | null;
  readonly requestId: string;
  readonly remoteAddress: string | null;
  readonly details: AuditDetails;
  readonly macKeyId: string;
};

/** An entry ready to be stored. */
export type AuditEntry = AuditEntryFields & {
  /** {@link auditDigest} of the fields. */
  readonly digest: string;
  /** {@link auditMac} of the digest. */
  readonly mac: string;
};

/** Makes the entry about an event, with its digest and MAC. */
export function makeAuditEntry(ctx: RequestContext, event: AuditEvent, seal: { now: Date; mac: NamedMac }): AuditEntry {
  const at = seal.now.toISOString();
  const { actor } = ctx;
  const { resource } = event;
  const entry = {
    day: at.slice(0, 10),
    id: newId(seal.now.getTime()),
    storeId: ctx.storeId,
    at,
    actorType: actor.type,
    actorId: actor.id,
    actorAccessor: actor.accessor ?? null,
    actorName: actor.displayName,
    actorRootId: actor.rootId,
    action: event.action,
    outcome: event.outcome,
    resourceKind: resource.kind,
    resourceId: resource.id ?? null,
    resourceName: resource.name ?? null,
    requestId: ctx.requestId,
    remoteAddress: ctx.remoteAddress ?? null,
    details: event.details ?? NO_DETAILS,
    macKeyId: seal.mac.keyId,
    // Filled in below: to spread the fields into a new object takes longer than the hash.
    digest: '',
    mac: '',
  };
  let canonical = canonicalForm(entry);
  if (needsCleaning(canonical)) {
    Object.assign(entry, cleaned(entry));
    canonical = canonicalForm(entry);
  }
  entry.digest = hash('sha256', canonical);
  entry.mac = auditMac(seal.mac, entry.digest);
  return entry;
}

const NO_DETAILS: AuditDetails = {};

/** SHA-256 of the {@link canonicalForm}, lower-case hexadecimal. */
export function auditDigest(fields: AuditEntryFields): string {
  return hash('sha256', canonicalForm(fields));
}

/** HMAC-SHA-256 of a digest's hexadecimal text under a store's audit key, lower-case hexadecimal. */
export function auditMac(mac: NamedMac, digest: string): string {
  return mac.hmac(digest).toString('hex');
}

/**
 * An entry as one text: the JSON array (as `JSON.stringify` writes it) of a format tag and all fields in a fixed order,
 * details as pairs of name and value sorted by name in UTF-16 units. JSON quotes every text, so nothing can be shifted
 * from one field into the next.
 */
function canonicalForm(fields: AuditEntryFields): string {
  return JSON.stringify([
    'claviger-audit-entry/1',
    fields.day,
    fields.id,
    fields.storeId,
    fields.at,
    fields.actorType,
    fields.actorId,
    fields.actorAccessor,
    fields.actorName,
    fields.actorRootId,
    fields.action,
    fields.outcome,
    fields.resourceKind,
    fields.resourceId,
    fields.resourceName,
    fields.requestId,
    fields.remoteAddress,
    sortedDetails(fields.details),
    fields.macKeyId,
  ]);
}

/** Without what is undefined, which does not come back from the database. */
function sortedDetails(details: AuditDetails): (readonly [string, unknown])[] {
  const pairs: (readonly [string, unknown])[] = [];
  for (const name of Object.keys(details).sort()) if (details[name] !== undefined) pairs.push([name, details[name]]);
  return pairs;
}
