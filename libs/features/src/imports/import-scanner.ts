import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, isAppError, newId, type AppError, type Clock, type RequestContext } from '@claviger/kernel';
import { AccessService } from '@claviger/features/access';
import { VaultSurvey, type FoundObject } from '@claviger/features/secrets';
import { Database } from '@claviger/platform/database';
import { JobQueue } from '@claviger/platform/queue';
import { traceOf } from '@claviger/platform/tracing';
import { wakeForImport } from './import.jobs.js';
import type { ImportEntity, ImportItemEntity } from './import.entity.js';
import { ImportRepository } from './import.repository.js';

const PAGE = 50;
/** How long the vault may take for a page, and how long a process has for one. */
const PAGE_LIMIT_MS = 60_000;
const LEASE_MS = 2 * PAGE_LIMIT_MS;
const WOKEN_AT_ONCE = 100;
/** After this time an import goes to the end of the line. */
const TURN_MS = 15_000;
const REMOVED_AT_ONCE = 100;

/** Scans vaults for imports, a page at a time; another process goes on where one died. */
@Injectable()
export class ImportScanner {
  constructor(
    private readonly database: Database,
    private readonly imports: ImportRepository,
    private readonly survey: VaultSurvey,
    private readonly access: AccessService,
    private readonly queue: JobQueue,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Scans for a while, unless somebody else does, and asks for another turn where more is left. What the vault refuses ends it
   * `failed`.
   */
  async scan(ctx: RequestContext, id: string): Promise<void> {
    const owner = newId();
    const now = this.clock.now();
    let current = await this.imports.claim(ctx, id, { owner, until: this.#until() }, now);
    while (current?.state === 'scanning') {
      current = await this.#page(ctx, current, owner);
      if (current?.state !== 'scanning') return;
      if (ctx.signal?.aborted || this.clock.now() >= new Date(now.getTime() + TURN_MS)) {
        await this.imports.update(ctx, id, owner, { leaseOwner: null, leaseUntil: null });
        return wakeForImport(this.queue, ctx, id);
      }
    }
  }

  /** Wakes workers for what nobody scans, and removes what has expired. */
  async sweep(ctx: RequestContext): Promise<void> {
    const now = this.clock.now();
    await this.imports.removeExpired(ctx, now, REMOVED_AT_ONCE);
    for (const id of await this.imports.listAbandoned(ctx, now, WOKEN_AT_ONCE)) wakeForImport(this.queue, ctx, id);
  }

  /** Frees what a dead predecessor was scanning, for a process that knows that it is alone on this database. */
  expireLeases(ctx: RequestContext): Promise<void> {
    return this.imports.expireLeases(ctx);
  }

  /** Records one page; undefined when the import is out of these hands. */
  async #page(ctx: RequestContext, scanned: ImportEntity, owner: string): Promise<ImportEntity | undefined> {
    try {
      const { requestId, storeId } = ctx;
      const actor = await this.access.actAs(storeId, scanned.tokenId);
      const caller = { requestId, storeId, actor, signal: AbortSignal.timeout(PAGE_LIMIT_MS), ...traceOf(ctx) };
      const page = await this.survey.page(caller, {
        profile: scanned.vaultProfile,
        folder: scanned.folder,
        limit: PAGE,
        ...(scanned.cursor === null ? {} : { cursor: scanned.cursor }),
      });
      const room = scanned.maxFound - scanned.found;
      const kept = page.found.slice(0, room);
      const isFull = kept.length === room && (page.found.length > room || page.cursor !== undefined);
      const isLast = isFull || page.cursor === undefined;
      const set = {
        cursor: page.cursor ?? null,
        found: scanned.found + kept.length,
        known: scanned.known + page.known,
        hidden: scanned.hidden + page.hidden,
        isCutOff: isFull,
        ...(isLast ? this.#ended('ready') : { leaseUntil: this.#until() }),
      };
      const isKept = await this.database.transaction(ctx, async (tx) => {
        if (!(await this.imports.update(tx, scanned.id, owner, set))) return false;
        await this.imports.insertItems(
          tx,
          kept.map((object, index) => toRow(scanned, scanned.found + index + 1, object)),
        );
        return true;
      });
      return isKept ? ((await this.imports.find(ctx, scanned.id)) ?? undefined) : undefined;
    } catch (error) {
      if (!isAppError(error) || error.kind === 'internal') throw error;
      await this.#fail(ctx, scanned, owner, error);
      return undefined;
    }
  }

  async #fail(ctx: RequestContext, { id }: ImportEntity, owner: string, { code, message }: AppError): Promise<void> {
    await this.imports.update(ctx, id, owner, { ...this.#ended('failed'), code, message });
  }

  #ended(state: 'ready' | 'failed'): Partial<ImportEntity> {
    return { state, leaseOwner: null, leaseUntil: null, scannedAt: this.clock.now() };
  }

  #until(): Date {
    return new Date(this.clock.now().getTime() + LEASE_MS);
  }
}

function toRow({ id }: ImportEntity, number: number, object: FoundObject): Partial<ImportItemEntity> {
  const { physicalName, name, types, isCertain, fingerprint, problem } = object;
  return {
    importId: id,
    number,
    physicalName,
    name: name ?? null,
    types,
    isCertain,
    fingerprint: fingerprint ?? null,
    code: problem?.code ?? null,
    message: problem?.message ?? null,
  };
}
