import { hash } from 'node:crypto';
import { newId, type RequestContext } from '@claviger/kernel';
import type { NamedMac } from '@claviger/platform/crypto';
import { auditText, optionalAuditText } from './audit-text.js';

/** `allowed`: done; `refused`: not permitted or not acceptable; `failed`: permitted, and then it went wrong. */
export const AUDIT_OUTCOMES = ['allowed', 'refused', 'failed'] as const;
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

/** Facts about what happened: names, numbers, codes. Never a secret value, a token, or anything derived from one. */
export type AuditDetails = Readonly<Record<string, string | number | boolean | null>>;

/** What happened, to which thing. Who, where from and when come from the context. */
export type AuditEvent = {
  /** `<noun>.<verb>`, for example `secret.read`. */
  readonly action: string;
  readonly outcome: AuditOutcome;
  readonly resource: {
    /** `secret`, `vault-profile`, `token` … */
    readonly kind: string;
    readonly id?: string;
    readonly name?: string;
  };
  /** At most 24 facts; more are left out. */
  readonly details?: AuditDetails;
};

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
  readonly outcome: string;
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
  /** {@link auditDigest}, lower-case hexadecimal. */
  readonly digest: string;
  /** HMAC-SHA-256 of the digest's 32 bytes under the store's audit key, lower-case hexadecimal. */
  readonly mac: string;
};

/** Makes the entry about an event, with its digest and MAC. */
export function makeAuditEntry(ctx: RequestContext, event: AuditEvent, seal: { now: Date; mac: NamedMac }): AuditEntry {
  const at = seal.now.toISOString();
  const { actor } = ctx;
  const { resource } = event;
  const fields: AuditEntryFields = {
    day: at.slice(0, 10),
    id: newId(seal.now.getTime()),
    storeId: ctx.storeId,
    at,
    actorType: actor.type,
    actorId: auditText(actor.id),
    actorAccessor: optionalAuditText(actor.accessor),
    actorName: auditText(actor.displayName),
    actorRootId: auditText(actor.rootId),
    action: auditText(event.action),
    outcome: event.outcome,
    resourceKind: auditText(resource.kind),
    resourceId: optionalAuditText(resource.id),
    resourceName: optionalAuditText(resource.name),
    requestId: auditText(ctx.requestId),
    remoteAddress: optionalAuditText(ctx.remoteAddress),
    details: cleanDetails(event.details),
    macKeyId: seal.mac.keyId,
  };
  const digest = auditDigest(fields);
  return { ...fields, digest: digest.toString('hex'), mac: seal.mac.hmac(digest).toString('hex') };
}

/**
 * SHA-256 over the canonical form of an entry: the JSON array (no white space, as `JSON.stringify` writes it) of a
 * format tag and all fields in a fixed order, details as `[name, value]` pairs sorted by name in UTF-16 units. Lengths
 * cannot be shifted between fields, as JSON quotes every text.
 */
export function auditDigest(fields: AuditEntryFields): Buffer {
  const canonical = JSON.stringify([
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
  return hash('sha256', canonical, 'buffer');
}

const NO_DETAILS: AuditDetails = {};
const MAX_DETAILS = 24;

function cleanDetails(details: AuditDetails | undefined): AuditDetails {
  if (details === undefined) return NO_DETAILS;
  const clean: Record<string, string | number | boolean | null> = Object.create(null) as Record<string, never>;
  for (const name of Object.keys(details).slice(0, MAX_DETAILS)) {
    const value = details[name];
    if (value !== undefined) clean[auditText(name)] = typeof value === 'string' ? auditText(value) : cleanScalar(value);
  }
  return clean;
}

/** JSON has no infinities and no NaN, and PostgreSQL no negative zero: they would come back different. */
function cleanScalar(value: number | boolean | null): number | boolean | null {
  if (typeof value !== 'number') return value;
  return Number.isFinite(value) ? value + 0 : null;
}

function sortedDetails(details: AuditDetails): readonly (readonly [string, unknown])[] {
  return Object.keys(details)
    .sort()
    .map((name) => [name, details[name]] as const);
}
