import { Inject, Injectable } from '@nestjs/common';
import { BoundedCache, CLOCK, newId, type Clock, type RequestContext } from '@claviger/kernel';
import { AuditService, auditUnavailable, type AuditEntry } from '@claviger/features/audit';
import { requesterOf, type ChangeEntity } from '@claviger/features/changes';
import { asDatabaseUnavailable, BatchedStatement, Database, StoreLookups } from '@claviger/platform/database';
import { LOCAL_VAULT, type LocalVault, type VaultContent } from '@claviger/vaults/contract';
import {
  FIND_CONTENTS,
  FIND_KNOWN_SECRETS,
  READ_CONTENTS,
  readParameters,
  WRITE_CONTENTS,
  writeParameters,
  type FoundContent,
  type HotWrite,
  type KnownSecret,
} from './secret-content.hot.js';
import { WRITE_CONTENT, type WriteParameters } from './write-content.handler.js';

export type LocalWrite = {
  readonly base: KnownSecret;
  readonly subject: { readonly kind: string; readonly id: string; readonly name: string };
  readonly content: VaultContent;
  readonly parameters: WriteParameters;
  /** The version that the caller bound the write to. */
  readonly boundVersion: number | undefined;
  readonly reason: string | undefined;
  /** How many versions the vault keeps. */
  readonly keep: number;
};

type KnownRead = { readonly known: KnownSecret; readonly entry: AuditEntry };
/** A content, why it does not open, or nothing where the secret has changed. */
type Opened = VaultContent | Error | undefined;
type KnownWrite = { readonly write: HotWrite; readonly entry: AuditEntry };
/** One of the items of a statement that is as it is known to be. */
type Found<R> = { readonly index: number; readonly result: R | undefined };
/** `version` is null when nothing was written. */
type Locked = { readonly secret_id: string; readonly version: number | null };

const MAX_BATCH = 100;
const MAX_IN_FLIGHT = 2;
const MAX_READS_IN_FLIGHT = 3;
/** About half a kilobyte each. */
const MAX_KNOWN = 20_000;

/**
 * The short way for content in the built-in vault: one statement to read and one to write, each gathered over concurrent
 * requests. It does what the long way does; the long way serves whatever it does not take.
 */
@Injectable()
export class LocalContent {
  readonly #contents: StoreLookups<FoundContent>;
  readonly #secrets: StoreLookups<KnownSecret>;
  readonly #known = new BoundedCache<string, KnownSecret>(MAX_KNOWN);
  readonly #readsOf = perStore(
    (storeId) =>
      new BatchedStatement<KnownRead, Opened>({
        execute: (reads) => this.#read(storeId, reads),
        maxBatch: MAX_BATCH,
        maxInFlight: MAX_READS_IN_FLIGHT,
      }),
  );
  readonly #writesOf = perStore(
    (storeId) =>
      new BatchedStatement<KnownWrite, number | undefined>({
        execute: (writes) => this.#write(storeId, writes),
        keyOf: ({ write }) => write.base.id,
        maxBatch: MAX_BATCH,
        maxInFlight: MAX_IN_FLIGHT,
      }),
  );

  constructor(
    private readonly database: Database,
    private readonly audit: AuditService,
    @Inject(LOCAL_VAULT) private readonly vault: LocalVault,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.#contents = new StoreLookups(database, { statement: FIND_CONTENTS, keyOf: ({ id }) => id });
    this.#secrets = new StoreLookups(database, { statement: FIND_KNOWN_SECRETS, keyOf: ({ id }) => id });
  }

  /**
   * A secret as it was when it was last found here, or written: active, enabled, its content in the built-in vault. It may
   * have changed since; {@link read} and {@link write} find out.
   */
  known(ctx: RequestContext, secretId: string): KnownSecret | undefined {
    return ctx.transaction ? undefined : this.#known.get(keyOf(ctx, secretId));
  }

  /** The secret, and its content where that is in the built-in vault. */
  async findContent(ctx: RequestContext, secretId: string): Promise<FoundContent | undefined> {
    const found = await this.#contents.find(ctx, secretId);
    this.#learn(ctx, secretId, found);
    return found;
  }

  /** The secret as it is now. */
  async find(ctx: RequestContext, secretId: string): Promise<KnownSecret | undefined> {
    const found = await this.#secrets.find(ctx, secretId);
    this.#learn(ctx, secretId, found);
    return found;
  }

  /**
   * The content of a secret that is as it is known to be, together with the audit entry about reading it, which is
   * durable then; undefined, and no entry, when the secret has changed. Not for inside a transaction.
   *
   * @throws AppError AUDIT_UNAVAILABLE, DATABASE_UNAVAILABLE, CIPHERTEXT_INVALID
   */
  async read(ctx: RequestContext, known: KnownSecret, entry: AuditEntry): Promise<VaultContent | undefined> {
    const opened = await this.#readsOf(ctx.storeId)
      .submit({ known, entry })
      .catch((cause: unknown) => {
        throw asDatabaseUnavailable(cause) ?? auditUnavailable(cause);
      });
    if (opened instanceof Error) throw opened;
    return opened;
  }

  /** The contents in the order of the reads; undefined and not audited where the secret has changed. */
  #read(storeId: string, all: readonly KnownRead[]): Promise<Opened[]> {
    return withoutChanged(all, async (reads) => {
      const audit = this.audit.batch(reads.map(({ entry }) => entry));
      const parameters = readParameters(
        storeId,
        reads.map(({ known }) => known),
        audit,
      );
      let found: Found<Opened>[] = [];
      await this.database.executeEarly(READ_CONTENTS, parameters, (rows) => {
        const isAnswer = rows.length === reads.length;
        found = rows.map(([number, content]) => {
          const index = Number(number) - 1;
          return { index, result: isAnswer ? this.#tryOpen(storeId, reads[index]!.known, content!) : undefined };
        });
      });
      return found;
    });
  }

  #tryOpen(storeId: string, { content_id: contentId }: KnownSecret, base64: string): VaultContent | Error {
    try {
      return this.vault.open(storeId, { contentId: contentId!, sealed: Buffer.from(base64, 'base64') });
    } catch (error) {
      return error as Error;
    }
  }

  #learn(ctx: RequestContext, secretId: string, found: KnownSecret | undefined): void {
    // What a transaction sees may never come to be.
    if (ctx.transaction) return;
    const isReadable = found?.state === 'active' && !found.is_disabled && found.content_id !== null;
    if (!isReadable) return this.#known.delete(keyOf(ctx, secretId));
    // Values are not kept.
    const { content: _, ...known } = found as FoundContent;
    this.#known.set(keyOf(ctx, secretId), known);
  }

  /** The content of a row that has one. @throws AppError CIPHERTEXT_INVALID */
  open(ctx: RequestContext, row: FoundContent): VaultContent {
    return this.vault.open(ctx.storeId, { contentId: row.content_id!, sealed: row.content! });
  }

  /** Writes a new version; undefined when the secret is not as it was found any more. Not for inside a transaction. */
  async write(ctx: RequestContext, write: LocalWrite): Promise<ChangeEntity | undefined> {
    const { base, subject, parameters } = write;
    const changeId = newId();
    const sealed = this.vault.seal(ctx.storeId, write.content);
    const version = await this.#writesOf(ctx.storeId).submit({
      write: {
        base,
        ...sealed,
        keep: write.keep,
        fingerprint: parameters.fingerprint,
        facts: JSON.stringify(parameters.facts),
        changeId,
        requester: JSON.stringify(requesterOf(ctx)),
        reason: write.reason ?? null,
        boundVersion: write.boundVersion ?? null,
        parameters: JSON.stringify({ ...parameters, subject }),
        cause: parameters.cause,
        eventId: newId(),
      },
      entry: this.audit.entry(ctx, {
        action: WRITE_CONTENT,
        outcome: 'allowed',
        resource: subject,
        details: { changeId, phase: 'done' },
      }),
    });
    if (version === undefined) return undefined;
    this.#learn(ctx, base.id, {
      ...base,
      revision: base.revision + 1,
      current_version: version,
      current_fingerprint: parameters.fingerprint,
      content_id: sealed.contentId,
    });
    return this.#done(ctx, write, changeId, version);
  }

  /** The new versions in the order of the writes; undefined and not audited where the secret has changed. */
  #write(storeId: string, all: readonly KnownWrite[]): Promise<(number | undefined)[]> {
    return withoutChanged(all, async (writes) => {
      const audit = this.audit.batch(writes.map(({ entry }) => entry));
      const parameters = writeParameters(
        storeId,
        writes.map(({ write }) => write),
        audit,
      );
      const { rows } = await this.database.execute<Locked>(undefined, WRITE_CONTENTS, parameters);
      const indexOf = new Map(writes.map(({ write }, index) => [write.base.id, index]));
      return rows.map(({ secret_id: id, version }) => ({ index: indexOf.get(id)!, result: version ?? undefined }));
    });
  }

  /** The row of the change as the statement inserted it. */
  #done(ctx: RequestContext, write: LocalWrite, id: string, version: number): ChangeEntity {
    const now = this.clock.now();
    return {
      storeId: ctx.storeId,
      id,
      kind: WRITE_CONTENT,
      state: 'done',
      secretId: write.base.id,
      requestedBy: requesterOf(ctx),
      reason: write.reason ?? null,
      baseVersion: write.boundVersion ?? null,
      parameters: { ...write.parameters, subject: write.subject },
      payload: null,
      digest: null,
      idempotencyId: null,
      traceparent: null,
      result: { secretId: write.base.id, version },
      errorCode: null,
      errorMessage: null,
      attempts: 1,
      leaseUntil: null,
      leaseOwner: null,
      createdAt: now,
      updatedAt: now,
      endedAt: now,
    };
  }
}

/** One for each store, because a batch of audit entries has one MAC, under the key of one store. */
function perStore<T>(make: (storeId: string) => T): (storeId: string) => T {
  const made = new Map<string, T>();
  return (storeId) => {
    let one = made.get(storeId);
    if (one === undefined) made.set(storeId, (one = make(storeId)));
    return one;
  };
}

/**
 * Runs a statement that does nothing unless all it is about are as they are known to be, and tells which of them are: until it did
 * something, each time without those that have changed. Gives the results in the order of the items, undefined for the latter.
 */
async function withoutChanged<T, R>(
  items: readonly T[],
  run: (items: readonly T[]) => Promise<readonly Found<R>[]>,
): Promise<(R | undefined)[]> {
  const results: (R | undefined)[] = items.map(() => undefined);
  let left = items.map((item, place) => ({ item, place }));
  while (left.length > 0) {
    const found = await run(left.map(({ item }) => item));
    if (found.length === left.length) {
      for (const { index, result } of found) results[left[index]!.place] = result;
      break;
    }
    const present = new Set(found.map(({ index }) => index));
    left = left.filter((_, index) => present.has(index));
  }
  return results;
}

const keyOf = (ctx: RequestContext, secretId: string): string => `${ctx.storeId}/${secretId}`;
