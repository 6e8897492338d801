import { faultPoint, newId, systemContext, type Clock, type RequestContext } from '@claviger/kernel';
import type { AuditService } from '@claviger/features/audit';
import type { Database } from '@claviger/platform/database';
import { removeExport, writeExportFile } from '@claviger/platform/files';
import type { Logger } from '@claviger/platform/telemetry';
import { join } from 'node:path';
import type { PoolClient } from 'pg';

const LOCK_CLASS = 0x63686772; // "chgr"
const MS_PER_DAY = 86_400_000;
const PAGE = 1_000;
/** Removed in one transaction. */
const CHANGES_PER_FILE = 20_000;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

export type ChangeRetentionDependencies = {
  readonly database: Database;
  readonly audit: AuditService;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly directory: string;
  readonly retentionDays: number;
  /** Kinds whose changes stay: what was set, and when, is told by nothing else. */
  readonly historyKinds: () => readonly string[];
};

/** A stretch of one store's old changes. */
type Stretch = {
  readonly ctx: RequestContext;
  readonly before: Date;
  readonly history: readonly string[];
  readonly unreferenced: string;
};

/**
 * Exports and removes changes that ended long ago. What something refers to by a foreign key stays (an approval, a read that was
 * granted): it is evidence of who decided what. So does what says how a secret was set up, which reports of the past are
 * drawn from. Their versions and audit entries do not refer to them so, and outlive them.
 */
export class ChangeRetention {
  constructor(private readonly dependencies: ChangeRetentionDependencies) {}

  /**
   * Removes what can be removed now; other processes that try meanwhile do nothing.
   *
   * @returns how many changes are gone
   */
  async run(signal: AbortSignal): Promise<number> {
    const client = await this.dependencies.database.pool.connect();
    try {
      const lock = 'select pg_try_advisory_lock($1, 0) as locked';
      if (!(await client.query<{ locked: boolean }>(lock, [LOCK_CLASS])).rows[0]!.locked) return 0;
      try {
        return await this.#removeAll(client, signal);
      } finally {
        // A connection that is lost has lost the lock too.
        await client.query('select pg_advisory_unlock($1, 0)', [LOCK_CLASS]).catch(() => undefined);
      }
    } finally {
      client.release();
    }
  }

  async #removeAll(client: PoolClient, signal: AbortSignal): Promise<number> {
    const { clock, retentionDays, historyKinds } = this.dependencies;
    const before = new Date(clock.now().getTime() - retentionDays * MS_PER_DAY);
    const unreferenced = await unreferencedSql(client);
    const history = historyKinds();
    const { rows } = await client.query<{ id: string }>('select id from store order by id');
    let count = 0;
    for (const { id: storeId } of rows) {
      const ctx = systemContext({ requestId: newId(), storeId, job: 'change.retain' });
      for (let after: string | undefined = BEFORE_ALL; after !== undefined && !signal.aborted;) {
        const removed = await this.#removeSome({ ctx, before, history, unreferenced }, after);
        count += removed.count;
        after = removed.next;
      }
    }
    return count;
  }

  /** @returns how many, and after which one to go on */
  async #removeSome(stretch: Stretch, after: string): Promise<{ count: number; next: string | undefined }> {
    const { database, directory, logger } = this.dependencies;
    const [first] = await this.#page(stretch, after, 1);
    if (!first) return { count: 0, next: undefined };
    // By the first one: an attempt that was interrupted is written over by the next.
    const file = `changes-${stretch.ctx.storeId}-${first.id}.jsonl.gz`;
    const ids: string[] = [];
    const { sha256 } = await writeExportFile(join(directory, file), this.#lines(stretch, after, ids));
    faultPoint('change.export-written');
    const last = ids.at(-1)!;
    const isRemoved = await database
      .transaction(stretch.ctx, async (tx) => {
        const sql = `delete from change c where ${selected(stretch)} and c.id = any($4::uuid[])`;
        const values = [stretch.ctx.storeId, stretch.before, stretch.history, ids];
        const [, count] = (await database.manager(tx).query(sql, values)) as [unknown, number];
        if (count !== ids.length) throw new ChangedMeanwhile();
        await this.#record(tx, file, { count, sha256, lastId: last });
        faultPoint('change.removing');
        return true;
      })
      .catch(async (error: unknown) => {
        if (!(error instanceof ChangedMeanwhile)) throw error;
        logger.info('change.retained_for_now', { count: ids.length });
        await removeExport(join(directory, file));
        return false;
      });
    faultPoint('change.removed');
    return { count: isRemoved ? ids.length : 0, next: ids.length < CHANGES_PER_FILE ? undefined : last };
  }

  /** Tells the ids of what it writes. */
  async *#lines(stretch: Stretch, first: string, ids: string[]): AsyncGenerator<string> {
    const { storeId } = stretch.ctx;
    const exportedAt = this.dependencies.clock.now().toISOString();
    yield JSON.stringify({ kind: 'export', format: 'claviger-change-export/1', storeId, exportedAt });
    for (let after = first; ids.length < CHANGES_PER_FILE;) {
      const page = await this.#page(stretch, after, PAGE);
      for (const { id, fields } of page) {
        ids.push(id);
        yield JSON.stringify({ kind: 'change', ...fields });
      }
      if (page.length < PAGE) return;
      after = page.at(-1)!.id;
    }
  }

  /** Without the payload, of which an ended change has none. */
  async #page(
    stretch: Stretch,
    after: string,
    limit: number,
  ): Promise<{ readonly id: string; readonly fields: Record<string, unknown> }[]> {
    const sql = `select c.id, to_jsonb(c) - array['payload', 'lease_owner', 'lease_until', 'idempotency_id', 'traceparent'] as fields
      from change c where ${selected(stretch)} and c.id > $4::uuid order by c.store_id, c.id limit $5`;
    const { pool } = this.dependencies.database;
    return (await pool.query(sql, [stretch.ctx.storeId, stretch.before, stretch.history, after, limit])).rows as never;
  }

  async #record(
    tx: RequestContext,
    file: string,
    details: { readonly count: number; readonly sha256: string; readonly lastId: string },
  ): Promise<void> {
    const { audit } = this.dependencies;
    const event = {
      action: 'change.export',
      outcome: 'allowed',
      resource: { kind: 'change-export', name: file },
    } as const;
    await audit.record(tx, audit.entry(tx, { ...event, details }));
  }
}

class ChangedMeanwhile extends Error {}

const selected = ({ unreferenced }: Stretch): string =>
  `c.store_id = $1 and c.ended_at < $2 and c.kind <> all($3::text[]) ${unreferenced}`;

/** Holds for changes that no foreign key points to, whichever tables there are. */
async function unreferencedSql(client: PoolClient): Promise<string> {
  const { rows } = await client.query<{ referring: string; columns: string[]; referred: string[] }>(`
    select conrelid::regclass::text as referring,
      array(select quote_ident(attname) from unnest(conkey) with ordinality k (key, place)
        join pg_attribute on attrelid = conrelid and attnum = k.key order by place) as columns,
      array(select quote_ident(attname) from unnest(confkey) with ordinality k (key, place)
        join pg_attribute on attrelid = confrelid and attnum = k.key order by place) as referred
    from pg_constraint where contype = 'f' and confrelid = 'change'::regclass`);
  return rows
    .map(({ referring, columns, referred }) => {
      const same = columns.map((column, i) => `r.${column} = c.${referred[i]!}`).join(' and ');
      return `and not exists (select from ${referring} r where ${same})`;
    })
    .join(' ');
}
