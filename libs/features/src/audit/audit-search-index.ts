import { CLOCK, type Clock } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { Logger } from '@claviger/platform/telemetry';
import { Inject, Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';

const LOCK_CLASS = 0x61756469; // "audi"
/** Longer than an entry waits for its batch and its batch for its commit. */
const SETTLE_MS = 3_600_000;
/** The newest first; after an upgrade there may be years of them, and the job has other things to do. */
const DAYS_AT_ONCE = 10;

/** Days and whether an index of their words is there; at most up to `$1`. */
export const SEARCHABLE_DAYS = `
  select to_char(day, 'YYYY-MM-DD') as day, coalesce(indisvalid, false) as "isIndexed", index.oid is not null as "hasIndex"
  from audit_days() day
  left join pg_class index on index.relnamespace = 'public'::regnamespace
    and index.relname = 'ix_audit_batch_' || to_char(day, 'YYYYMMDD') || '_words'
  left join pg_index on indexrelid = index.oid
  where day <= $1 order by day desc`;

export type SearchableDay = { readonly day: string; readonly isIndexed: boolean; readonly hasIndex: boolean };

/** Indexes the words of days that are over: there it costs no request, as it would on the day that is going on. */
@Injectable()
export class AuditSearchIndex {
  constructor(
    private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /**
   * Indexes the days that are over and have no index yet. Without a lock that anybody waits for; other processes that try
   * meanwhile do nothing.
   *
   * @returns the days that were indexed
   */
  async make(signal: AbortSignal): Promise<readonly string[]> {
    const client = await this.database.pool.connect();
    try {
      const lock = 'select pg_try_advisory_lock($1, 0) as locked';
      if (!(await client.query<{ locked: boolean }>(lock, [LOCK_CLASS])).rows[0]!.locked) return [];
      try {
        return await this.#makeAll(client, signal);
      } finally {
        // A connection that is lost has lost the lock too.
        await client.query('select pg_advisory_unlock($1, 0)', [LOCK_CLASS]).catch(() => undefined);
      }
    } finally {
      client.release();
    }
  }

  async #makeAll(client: PoolClient, signal: AbortSignal): Promise<readonly string[]> {
    const settled = new Date(this.clock.now().getTime() - SETTLE_MS).toISOString().slice(0, 10);
    const { rows } = await client.query<SearchableDay>(SEARCHABLE_DAYS, [settled]);
    const made: string[] = [];
    for (const { day, isIndexed, hasIndex } of rows) {
      if (day >= settled || isIndexed) continue;
      if (signal.aborted || made.length === DAYS_AT_ONCE) break;
      const table = `audit_batch_${day.replaceAll('-', '')}`;
      const found = await client.query<{ table: string | null }>('select to_regclass($1) as table', [table]);
      // What is in the default partition is little, and searched as it is.
      if (!found.rows[0]!.table) continue;
      try {
        if (hasIndex) await client.query(`drop index concurrently ix_${table}_words`);
        await client.query(`create index concurrently ix_${table}_words on ${table} using gin (audit_words(entries))`);
        // With what words are frequent, so that those are not searched by the index.
        await client.query(`analyze ${table}`);
        made.push(day);
      } catch (error) {
        // A text that is no entry, which somebody put there: the verifier names it. The other days are indexed.
        this.logger.warn('audit.day_not_indexed', { day }, error);
      }
    }
    return made;
  }
}
