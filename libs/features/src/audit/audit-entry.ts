import { newId, type RequestContext } from '@claviger/kernel';
import type { AuditDetails, AuditEvent, AuditOutcome } from './audit-event.js';
import { cleaned, needsCleaning } from './audit-text.js';

/** What an entry says. The order of transactions is the seal's business. */
export type AuditEntryFields = {
  /** UTC day of `at`, `YYYY-MM-DD`. */
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
  /** The store's audit key that was the active one. */
  readonly macKeyId: string;
};

/** An entry ready to be stored: its text, and what says where it belongs. */
export type AuditEntry = Pick<AuditEntryFields, 'day' | 'id' | 'storeId' | 'macKeyId'> & {
  /** {@link entryText} of the fields. */
  readonly text: string;
};

/** Makes the entry about an event. */
export function makeAuditEntry(ctx: RequestContext, event: AuditEvent, at: Date, macKeyId: string): AuditEntry {
  const instant = at.toISOString();
  const { actor, storeId } = ctx;
  const { resource } = event;
  const day = instant.slice(0, 10);
  const id = newId(at.getTime());
  const fields: AuditEntryFields = {
    day,
    id,
    storeId,
    at: instant,
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
    macKeyId,
  };
  const text = entryText(fields);
  return { day, id, storeId, macKeyId, text: needsCleaning(text) ? entryText(cleaned(fields)) : text };
}

const NO_DETAILS: AuditDetails = {};

const FORMAT = 'claviger-audit-entry/1';

/**
 * An entry as one line: the JSON array (as `JSON.stringify` writes it) of a format tag and all fields in a fixed order,
 * details as pairs of name and value sorted by name in UTF-16 units. JSON quotes every text, so nothing can be shifted
 * from one field into the next, nor from one line into the next.
 */
export function entryText(fields: AuditEntryFields): string {
  return JSON.stringify([
    FORMAT,
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

/** In the order of {@link entryText}, after the format. */
const FIELDS: readonly (keyof AuditEntryFields)[] = [
  ...(['day', 'id', 'storeId', 'at'] as const),
  ...(['actorType', 'actorId', 'actorAccessor', 'actorName', 'actorRootId', 'action', 'outcome'] as const),
  ...(['resourceKind', 'resourceId', 'resourceName', 'requestId', 'remoteAddress', 'details', 'macKeyId'] as const),
];

/** The fields of a text, or undefined when it is not, to the letter, what {@link entryText} makes of them. */
export function parseEntryText(text: string): AuditEntryFields | undefined {
  try {
    const [, ...values] = JSON.parse(text) as unknown[];
    const parsed = Object.fromEntries(FIELDS.map((name, index) => [name, values[index]])) as ParsedFields;
    const fields: AuditEntryFields = { ...parsed, details: Object.fromEntries(parsed.details) };
    return entryText(fields) === text ? fields : undefined;
  } catch {
    return undefined;
  }
}

type ParsedFields = Omit<AuditEntryFields, 'details'> & { readonly details: Details };
type Details = (readonly [name: string, value: AuditDetails[string]])[];

/** Without what is undefined, which JSON cannot tell. */
function sortedDetails(details: AuditDetails): Details {
  const pairs: Details = [];
  for (const name of Object.keys(details).sort()) if (details[name] !== undefined) pairs.push([name, details[name]]);
  return pairs;
}
