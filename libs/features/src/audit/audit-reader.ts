import { CLOCK, firstIdAt, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { Inject, Injectable } from '@nestjs/common';
import type { SelectQueryBuilder } from 'typeorm';
import { AuditEntryEntity } from './audit-entry.entity.js';
import type { AuditDetails, AuditOutcome } from './audit-event.js';
import { SEARCHABLE_DAYS, type SearchableDay } from './audit-search-index.js';
import { wordsOf } from './audit-words.js';
import { sealHash, type AuditSeal } from './audit-seal.js';
import { AuditSealRepository } from './audit-seal.repository.js';

/** What to list; all conditions must hold. */
export type AuditQuery = {
  /** Id, accessor, display name or root id of who acted. */
  readonly actor?: string;
  /** `secret.read`, or `secret` for every action on it. */
  readonly action?: string;
  readonly outcome?: AuditOutcome;
  readonly resourceKind?: string;
  /** Id or name. */
  readonly resource?: string;
  readonly requestId?: string;
  /** From this moment on. */
  readonly from?: Date;
  /** Before this moment. */
  readonly to?: Date;
  readonly limit: number;
  /** After this place, that of the last entry of the page before. */
  readonly after?: AuditPlace;
};

/** Where an entry stands in the order of the list. */
export type AuditPlace = { readonly day: string; readonly batch: string; readonly position: number };

export type AuditEntryView = {
  readonly id: string;
  readonly at: Date;
  readonly actor: {
    readonly type: string;
    readonly id: string;
    readonly accessor: string | null;
    readonly displayName: string;
    readonly rootId: string;
  };
  readonly action: string;
  readonly outcome: AuditOutcome;
  readonly resource: { readonly kind: string; readonly id: string | null; readonly name: string | null };
  readonly requestId: string;
  readonly remoteAddress: string | null;
  readonly details: AuditDetails;
};

/** What a seal is named by elsewhere; `hash` is what the next seal and the anchors call it. Hexadecimal. */
export type AuditSealHead = Pick<AuditSeal, 'storeId' | 'number' | 'merkleRoot' | 'sealedAt'> & {
  readonly hash: string;
};

export type ListedEntry = { readonly entry: AuditEntryView; readonly place: AuditPlace };

/** What was found; more may be there after `resumeAt`, if that is given. */
export type FoundEntries = { readonly entries: readonly ListedEntry[]; readonly resumeAt?: AuditPlace };

/** A search that has found too little by then tells what it has, and where to go on. */
const SEARCH_MS = 3_000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** Reads the audit log of a store. Who may is decided by the caller: access stands on audit, not the other way round. */
@Injectable()
export class AuditReader {
  constructor(
    private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * At most `limit` entries, newest first: batches in the order of their first entries, and the entries of each. Goes from day
   * to day, and stops between two days when it has taken long.
   */
  async list(ctx: RequestContext, query: AuditQuery): Promise<FoundEntries> {
    const endsAt = this.clock.now().getTime() + SEARCH_MS;
    const entries: ListedEntry[] = [];
    for (const { day, isIndexed } of await this.#days(ctx, query)) {
      const rows = await this.#listDay(ctx, day, isIndexed, { ...query, limit: query.limit - entries.length });
      entries.push(...rows.map((row) => ({ entry: toView(row), place: placeOf(row) })));
      if (entries.length >= query.limit) return { entries };
      if (this.clock.now().getTime() > endsAt) return { entries, resumeAt: { day, batch: FIRST_ID, position: 1 } };
    }
    return { entries };
  }

  /** Newest first. */
  async #days(ctx: RequestContext, { from, to, after }: AuditQuery): Promise<readonly SearchableDay[]> {
    const first = from ? dayOf(from.getTime() - LONGEST_BATCH_MS) : dayOf(0);
    const last = to ? dayOf(to.getTime() + LONGEST_BATCH_MS) : dayOf(LAST_MS);
    const until = after && after.day < last ? after.day : last;
    const days = (await this.database.manager(ctx).query(SEARCHABLE_DAYS, [until])) as SearchableDay[];
    return days.filter(({ day }) => day >= first);
  }

  #listDay(ctx: RequestContext, day: string, isIndexed: boolean, query: AuditQuery): Promise<AuditEntryEntity[]> {
    const select = this.database
      .repository(ctx, AuditEntryEntity)
      .createQueryBuilder('e')
      .where('e.store_id = :storeId and e.batch_day = :day::date', { storeId: ctx.storeId, day })
      .orderBy('e.batchDay', 'DESC')
      .addOrderBy('e.batchId', 'DESC')
      .addOrderBy('e.position', 'DESC')
      .limit(query.limit);
    const words = isIndexed ? wordsOf(query) : [];
    if (words.length > 0) select.andWhere('audit_words(e.batch_entries) @> :words::text[]', { words });
    narrow(select, query);
    narrowKeys(select, day, query);
    return select.getMany();
  }

  /** The newest seal of the store; undefined while nothing is sealed. */
  async lastSeal(ctx: RequestContext): Promise<AuditSealHead | undefined> {
    const seal = await new AuditSealRepository(this.database.manager(ctx)).findLast(ctx.storeId);
    if (!seal) return undefined;
    const { storeId, number, merkleRoot, sealedAt } = seal;
    return { storeId, number, hash: sealHash(seal), merkleRoot, sealedAt };
  }
}

function narrow(select: SelectQueryBuilder<AuditEntryEntity>, query: AuditQuery): void {
  const { actor, action, outcome, resourceKind, resource, requestId, from, to } = query;
  for (const text of [actor, outcome, resourceKind, resource, requestId])
    if (text !== undefined) mention(select, JSON.stringify(text));
  // Without the closing quote: it may be the beginning of the action.
  if (action !== undefined) mention(select, JSON.stringify(action).slice(0, -1));
  if (actor !== undefined)
    select.andWhere(':actor in (e.actor_id, e.actor_accessor, e.actor_name, e.actor_root_id)', { actor });
  if (action !== undefined)
    select.andWhere(`(e.action = :action or starts_with(e.action, :action || '.'))`, { action });
  if (outcome !== undefined) select.andWhere('e.outcome = :outcome', { outcome });
  if (resourceKind !== undefined) select.andWhere('e.resource_kind = :resourceKind', { resourceKind });
  if (resource !== undefined) select.andWhere(':resource in (e.resource_id, e.resource_name)', { resource });
  if (requestId !== undefined) select.andWhere('e.request_id = :requestId', { requestId });
  if (from) select.andWhere('e.at >= :from', { from });
  if (to) select.andWhere('e.at < :to', { to });
}

/** Compares the ids of a day's batches, which begin with the time of their first entries. */
function narrowKeys(select: SelectQueryBuilder<AuditEntryEntity>, day: string, { from, to, after }: AuditQuery): void {
  const since = from && from.getTime() - LONGEST_BATCH_MS;
  if (since !== undefined && dayOf(since) === day)
    select.andWhere('e.batch_id >= :since', { since: firstIdAt(within(since)) });
  const before = to && to.getTime() + LONGEST_BATCH_MS;
  if (before !== undefined && dayOf(before) === day)
    select.andWhere('e.batch_id < :before', { before: firstIdAt(within(before)) });
  if (after?.day === day)
    select.andWhere('e.batch_id <= :batch and (e.batch_id < :batch or e.position < :place)', {
      batch: after.batch,
      place: after.position,
    });
}

/** Leaves out whole batches in which a piece of JSON does not stand anywhere: to search is much faster than to parse. */
function mention(select: SelectQueryBuilder<AuditEntryEntity>, text: string): void {
  const name = `mention${Object.keys(select.getParameters()).length}`;
  select.andWhere(`strpos(e.batch_entries, :${name}) > 0`, { [name]: text });
}

/** Longer than an entry waits for its batch, and than clocks are put back. */
const LONGEST_BATCH_MS = 3_600_000;

const LAST_MS = Date.UTC(9999, 11, 31);

function within(ms: number): number {
  return Math.min(Math.max(ms, 0), LAST_MS);
}

function dayOf(ms: number): string {
  return new Date(within(ms)).toISOString().slice(0, 10);
}

function placeOf({ batchDay, batchId, position }: AuditEntryEntity): AuditPlace {
  return { day: batchDay, batch: batchId, position: Number(position) };
}

function toView(row: AuditEntryEntity): AuditEntryView {
  return {
    id: row.id,
    at: row.at,
    actor: {
      type: row.actorType,
      id: row.actorId,
      accessor: row.actorAccessor,
      displayName: row.actorName,
      rootId: row.actorRootId,
    },
    action: row.action,
    outcome: row.outcome,
    resource: { kind: row.resourceKind, id: row.resourceId, name: row.resourceName },
    requestId: row.requestId,
    remoteAddress: row.remoteAddress,
    details: row.details,
  };
}
