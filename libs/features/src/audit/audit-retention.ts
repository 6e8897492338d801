import { faultPoint, newId, systemContext, type Clock, type RequestContext } from '@claviger/kernel';
import type { Database } from '@claviger/platform/database';
import { removeExport, sha256OfFile } from '@claviger/platform/files';
import type { Logger } from '@claviger/platform/telemetry';
import { join } from 'node:path';
import { cutAfter } from './audit-cut.js';
import type { AuditExport } from './audit-export.js';
import type { AuditExporter } from './audit-exporter.js';
import { AuditExportRepository } from './audit-export.repository.js';
import type { AuditService } from './audit.service.js';
import { daysToDrop } from './retention.policy.js';

/** Where writers and readers of the log wait behind us for at most this long, and then we wait. */
const LOCK_TIMEOUT = '200ms';
const ATTEMPTS = 5;
const PAUSE_MS = 1_000;
const LOCK_NOT_AVAILABLE = '55P03';
const LOCK_CLASS = 0x61756472; // "audr"

export type AuditRetentionDependencies = {
  readonly database: Database;
  readonly audit: AuditService;
  readonly exporter: AuditExporter;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where the exporter writes. */
  readonly directory: string;
  readonly retentionDays: number;
};

/**
 * Exports and drops the days of the audit log that are older than they need be kept, one after another. Each step can be
 * repeated: the file is written again, an export that is recorded is checked and used, and dropping commits as a whole.
 */
export class AuditRetention {
  constructor(private readonly dependencies: AuditRetentionDependencies) {}

  /**
   * Drops what can be dropped now; other processes that try meanwhile do nothing.
   *
   * @returns the days that are gone
   * @throws AppError `AUDIT_BROKEN`: the day and all after it stay
   */
  async run(signal: AbortSignal): Promise<readonly string[]> {
    const { database } = this.dependencies;
    const client = await database.pool.connect();
    try {
      const lock = 'select pg_try_advisory_lock($1, 0) as locked';
      if (!(await client.query<{ locked: boolean }>(lock, [LOCK_CLASS])).rows[0]!.locked) return [];
      try {
        return await this.#dropAll(signal);
      } finally {
        // A connection that is lost has lost the lock too.
        await client.query('select pg_advisory_unlock($1, 0)', [LOCK_CLASS]).catch(() => undefined);
      }
    } finally {
      client.release();
    }
  }

  async #dropAll(signal: AbortSignal): Promise<readonly string[]> {
    const { database, clock, retentionDays } = this.dependencies;
    const sql = `select to_char(day, 'YYYY-MM-DD') as day from audit_days() day`;
    const { rows } = await database.pool.query<{ day: string }>(sql);
    const days = rows.map(({ day }) => day);
    const gone: string[] = [];
    for (const day of daysToDrop(days, clock.now(), retentionDays)) {
      try {
        if (signal.aborted || !(await this.#dropDay(day, signal))) break;
      } catch (error) {
        if (signal.aborted) break;
        throw error;
      }
      gone.push(day);
    }
    return gone;
  }

  async #dropDay(day: string, signal: AbortSignal): Promise<boolean> {
    const { database } = this.dependencies;
    const { rows } = await database.pool.query<{ id: string }>('select id from store order by id');
    const exported: AuditExport[] = [];
    for (const { id } of rows) {
      const done = await this.#export(id, day, signal);
      if (done === 'waiting') {
        this.dependencies.logger.info('audit.day_not_sealed', { day });
        return false;
      }
      if (done) exported.push(done);
    }
    return this.#dropSoon(day, exported, signal);
  }

  /** @returns what covers the store's entries of that day, undefined where there are none */
  async #export(storeId: string, day: string, signal: AbortSignal): Promise<AuditExport | 'waiting' | undefined> {
    const { database, exporter, logger, directory } = this.dependencies;
    const exports = new AuditExportRepository(database.dataSource.manager);
    for (const pending of (await exports.listPending(storeId)).toReversed()) {
      const isThere = (await sha256OfFile(join(directory, pending.file))) === pending.sha256;
      if (isThere && pending.throughDay >= day) return pending;
      // Made by a process with another directory, or moved away: nothing is dropped that this process cannot vouch for.
      if (!isThere) logger.warn('audit.export_gone', { storeId, day: pending.throughDay });
      await exports.removePending(pending);
    }
    const done = await exporter.writeDay({ storeId, day, before: await exports.findLast(storeId), signal });
    if (done === 'nothing') return undefined;
    if (done === 'waiting') return done;
    faultPoint('audit.export-written');
    await this.#record(done);
    faultPoint('audit.export-recorded');
    return done;
  }

  async #record(exported: AuditExport): Promise<void> {
    const { database, audit } = this.dependencies;
    await database.transaction(contextOf(exported.storeId), async (tx) => {
      await new AuditExportRepository(database.manager(tx)).create(exported);
      await audit.record(tx, entryAbout(audit, tx, 'audit.export', exported));
    });
  }

  /** Again and again where somebody reads or writes for long; in the end, another time. */
  async #dropSoon(day: string, exported: readonly AuditExport[], signal: AbortSignal): Promise<boolean> {
    const { clock, logger } = this.dependencies;
    for (let attempt = 1; attempt <= ATTEMPTS && !signal.aborted; attempt += 1) {
      try {
        const isDropped = await this.#drop(day, exported);
        if (isDropped) logger.info('audit.day_dropped', { day });
        else await this.#forget(day, exported);
        return isDropped;
      } catch (error) {
        if ((error as { code?: unknown }).code !== LOCK_NOT_AVAILABLE) throw error;
      }
      await clock.sleep(PAUSE_MS, signal).catch(() => undefined);
    }
    logger.info('audit.day_in_use', { day });
    return false;
  }

  async #drop(day: string, exported: readonly AuditExport[]): Promise<boolean> {
    const { database, audit, clock } = this.dependencies;
    const cuts = await this.#cuts(exported);
    const [first] = exported;
    const isDropped = await database.transaction(contextOf(first?.storeId ?? newId()), async (tx) => {
      const manager = database.manager(tx);
      await manager.query(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
      const sql = 'select audit_drop_day($1::date, $2::uuid[], $3::bigint[], $4::bigint[], $5::uuid[]) as dropped';
      const values = [day, ...(['store', 'epoch', 'tx', 'id'] as const).map((name) => cuts.map((cut) => cut[name]))];
      const [row] = (await manager.query(sql, values)) as [{ dropped: boolean }];
      if (!row.dropped) return false;
      faultPoint('audit.dropping');
      await new AuditExportRepository(manager).markDropped(day, clock.now());
      for (const each of exported) {
        const ofStore = { ...contextOf(each.storeId), transaction: tx.transaction! };
        await audit.record(ofStore, entryAbout(audit, ofStore, 'audit.drop', each));
      }
      return true;
    });
    faultPoint('audit.dropped');
    return isDropped;
  }

  /** Entries of that day came since it was exported, by a clock that is far behind: the next export has them too. */
  async #forget(day: string, exported: readonly AuditExport[]): Promise<void> {
    const { database, directory, logger } = this.dependencies;
    logger.warn('audit.day_grew', { day });
    for (const each of exported) {
      await new AuditExportRepository(database.dataSource.manager).removePending(each);
      await removeExport(join(directory, each.file));
    }
  }

  async #cuts(exported: readonly AuditExport[]): Promise<{ store: string; epoch: string; tx: string; id: string }[]> {
    const { pool } = this.dependencies.database;
    const ofStores = exported.map(async ({ storeId, lastSeal }) =>
      [...(await cutAfter(pool, storeId, lastSeal))].map(([epoch, place]) => ({ store: storeId, epoch, ...place })),
    );
    return (await Promise.all(ofStores)).flat();
  }
}

function contextOf(storeId: string): RequestContext {
  return systemContext({ requestId: newId(), storeId, job: 'audit.retain' });
}

function entryAbout(
  audit: AuditService,
  ctx: RequestContext,
  action: string,
  { throughDay, firstSeal, lastSeal, sha256, file }: AuditExport,
): ReturnType<AuditService['entry']> {
  return audit.entry(ctx, {
    action,
    outcome: 'allowed',
    resource: { kind: 'audit-export', name: file },
    details: { throughDay, firstSeal, lastSeal, sha256 },
  });
}
