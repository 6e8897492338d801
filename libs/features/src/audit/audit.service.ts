import { CLOCK, newId, systemContext, type Clock, type RequestContext } from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { makeBatch, type AuditBatch } from './audit-batch.js';
import { batchParameters, INSERT_AUDIT_BATCH } from './audit-batch.hot.js';
import { makeAuditEntry, type AuditEntry } from './audit-entry.js';
import type { AuditEvent } from './audit-event.js';
import { BATCH_ENTRIES, COMMIT_SECONDS, COMMITS_FAILED } from './audit.metrics.js';
import { auditUnavailable } from './audit.errors.js';
import { GroupCommit } from './group-commit.js';
import { RefusalCounter, type Refusals } from './refusal-counter.js';

const MAX_BATCH = 500;
/** With one, everybody waits for the same commit and then for the same processor: together, in turns. */
const MAX_IN_FLIGHT = 3;
const MAX_WAITING = 20_000;

/** Writes the audit log. */
@Injectable()
export class AuditService implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #group: GroupCommit<AuditEntry>;
  readonly #refusals: RefusalCounter;

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.#group = new GroupCommit({
      write: (entries) => this.#write(entries),
      maxBatch: MAX_BATCH,
      maxInFlight: MAX_IN_FLIGHT,
      maxWaiting: MAX_WAITING,
      refuse: auditUnavailable,
    });
    this.#refusals = new RefusalCounter((refusals) => this.#store(refusals), clock);
  }

  onApplicationBootstrap(): void {
    this.#refusals.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#refusals.stop();
  }

  /** The entry about an event, dated now; not stored yet. */
  entry(ctx: RequestContext, event: AuditEvent): AuditEntry {
    return makeAuditEntry(ctx, event, this.clock.now(), this.keyring.mac(ctx.storeId, 'audit').keyId);
  }

  /** Entries of one store that a hot statement stores together, with their MAC. */
  batch(entries: readonly AuditEntry[]): AuditBatch {
    const { storeId, macKeyId } = entries[0]!;
    return makeBatch(entries, this.keyring.mac(storeId, 'audit', macKeyId));
  }

  /**
   * Stores the entry of a mutation in the mutation's transaction: both commit or neither does.
   *
   * @throws Error without a transaction in the context: an entry that stays when its mutation is rolled back is a lie
   */
  async record(ctx: RequestContext, entry: AuditEntry): Promise<void> {
    if (!ctx.transaction) throw new Error('AuditService.record needs the transaction of the mutation that it records.');
    await this.#insert(ctx, [entry]);
  }

  /**
   * Stores the entry of a read or a refusal together with those of other requests; resolves when it is durable.
   *
   * @throws AppError `AUDIT_UNAVAILABLE`: then the request must be answered with that error and no value
   * @throws Error inside a transaction, where waiting for a second connection can deadlock the pool
   */
  commit(ctx: RequestContext, entry: AuditEntry): Promise<void> {
    if (!ctx.transaction) return this.#group.commit(entry);
    return Promise.reject(new Error('AuditService.commit must not run inside a transaction: use record.'));
  }

  /**
   * Counts the refusal of a caller who did not say who it is, or not truly; they are stored as one entry for each source
   * and minute.
   */
  countUnauthenticated(remoteAddress: string, storeId: string = this.keyring.rootStoreId): void {
    this.#refusals.count(storeId, remoteAddress);
  }

  async #write(entries: readonly AuditEntry[]): Promise<void> {
    const startedAt = performance.now();
    BATCH_ENTRIES.observe(entries.length);
    try {
      await Promise.all(byStore(entries).map((ofStore) => this.#insert(undefined, ofStore)));
    } catch (error) {
      COMMITS_FAILED.add();
      throw error;
    } finally {
      COMMIT_SECONDS.observe((performance.now() - startedAt) / 1_000);
    }
  }

  async #insert(ctx: RequestContext | undefined, entries: readonly AuditEntry[]): Promise<void> {
    await this.database.execute(ctx, INSERT_AUDIT_BATCH, batchParameters(this.batch(entries)));
  }

  async #store({ storeId, source, count, firstAt, lastAt }: Refusals): Promise<void> {
    const ctx = systemContext({ requestId: newId(), storeId, job: 'audit.count-refusals' });
    const entry = this.entry(ctx, {
      action: 'access.refuse-unauthenticated',
      outcome: 'refused',
      resource: { kind: 'source', name: source },
      details: { count, firstAt: firstAt.toISOString(), lastAt: lastAt.toISOString() },
    });
    await this.commit(ctx, entry);
  }
}

function byStore(entries: readonly AuditEntry[]): readonly (readonly AuditEntry[])[] {
  const stores = new Map<string, AuditEntry[]>();
  for (const entry of entries) {
    const ofStore = stores.get(entry.storeId);
    if (ofStore) ofStore.push(entry);
    else stores.set(entry.storeId, [entry]);
  }
  return [...stores.values()];
}
