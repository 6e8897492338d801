import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, newId, type Clock, type RequestContext } from '@claviger/kernel';
import { auditParameters, AuditService } from '@claviger/features/audit';
import type { ChangeEntity, Requester } from '@claviger/features/changes';
import { BatchedLookup, Database, type NamedStatement } from '@claviger/platform/database';
import { LOCAL_VAULT, type LocalVault, type VaultContent } from '@claviger/vaults/contract';
import {
  FIND_CURRENT_CONTENT,
  FIND_WRITE_BASE,
  WRITE_CONTENT_LOCALLY,
  type CurrentContentRow,
  type WriteBaseRow,
} from './secret-content.hot.js';
import { WRITE_CONTENT, type WriteParameters } from './write-content.handler.js';

export type LocalWrite = {
  readonly row: WriteBaseRow;
  readonly subject: { readonly kind: string; readonly id: string; readonly name: string };
  readonly content: VaultContent;
  readonly parameters: WriteParameters;
  readonly baseVersion: number | undefined;
  readonly reason: string | undefined;
  /** How many versions the vault keeps. */
  readonly keep: number;
};

/**
 * The short way for content in the built-in vault: one statement to read, gathered over concurrent requests, and one to
 * write. It does what the long way does; the long way serves whatever it does not take.
 */
@Injectable()
export class LocalContent {
  readonly #contents: StoreLookups<CurrentContentRow>;
  readonly #bases: StoreLookups<WriteBaseRow>;

  constructor(
    private readonly database: Database,
    private readonly audit: AuditService,
    @Inject(LOCAL_VAULT) private readonly vault: LocalVault,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.#contents = new StoreLookups(database, FIND_CURRENT_CONTENT);
    this.#bases = new StoreLookups(database, FIND_WRITE_BASE);
  }

  /** The secret, and its content where that is in the built-in vault. */
  findContent(ctx: RequestContext, secretId: string): Promise<CurrentContentRow | undefined> {
    return this.#contents.find(ctx.storeId, secretId);
  }

  /** The secret as a write finds it. */
  findBase(ctx: RequestContext, secretId: string): Promise<WriteBaseRow | undefined> {
    return this.#bases.find(ctx.storeId, secretId);
  }

  /** The content of a row that has one. @throws AppError CIPHERTEXT_INVALID */
  open(ctx: RequestContext, row: CurrentContentRow): VaultContent {
    return this.vault.open(ctx.storeId, { contentId: row.content_id!, sealed: row.content! });
  }

  /** Writes a new version; undefined when the secret is not as the row has it any more. */
  async write(ctx: RequestContext, write: LocalWrite): Promise<ChangeEntity | undefined> {
    const { row, subject, parameters } = write;
    const changeId = newId();
    const { contentId, sealed } = this.vault.seal(ctx.storeId, write.content);
    const entry = this.audit.entry(ctx, {
      action: WRITE_CONTENT,
      outcome: 'allowed',
      resource: subject,
      details: { changeId, phase: 'done' },
    });
    const { rows } = await this.database.execute<{ current_version: number }>(ctx, WRITE_CONTENT_LOCALLY, [
      ctx.storeId,
      row.id,
      row.mount,
      row.physical_name,
      write.baseVersion ?? null,
      contentId,
      sealed,
      write.keep,
      parameters.fingerprint,
      JSON.stringify(parameters.facts),
      row.source_profile_id,
      changeId,
      JSON.stringify(requester(ctx)),
      write.reason ?? null,
      JSON.stringify({ ...parameters, subject }),
      newId(),
      parameters.cause,
      row.revision,
      ...auditParameters(entry),
    ]);
    return rows[0] && this.#done(ctx, write, changeId, rows[0].current_version);
  }

  /** The row of the change as the statement inserted it. */
  #done(ctx: RequestContext, write: LocalWrite, id: string, version: number): ChangeEntity {
    const now = this.clock.now();
    return {
      storeId: ctx.storeId,
      id,
      kind: WRITE_CONTENT,
      state: 'done',
      secretId: write.row.id,
      requestedBy: requester(ctx),
      reason: write.reason ?? null,
      baseVersion: write.baseVersion ?? null,
      parameters: { ...write.parameters, subject: write.subject },
      payload: null,
      result: { secretId: write.row.id, version },
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

const requester = (ctx: RequestContext): Requester => ({ id: ctx.actor.rootId, name: ctx.actor.displayName });

const MAX_BATCH = 100;
const MAX_IN_FLIGHT = 2;

/** Secrets by id, gathered for each store over concurrent requests. */
class StoreLookups<Row extends { readonly id: string }> {
  readonly #stores = new Map<string, BatchedLookup<string, Row>>();

  constructor(
    private readonly database: Database,
    private readonly statement: NamedStatement,
  ) {}

  find(storeId: string, secretId: string): Promise<Row | undefined> {
    let lookup = this.#stores.get(storeId);
    if (!lookup) {
      const fetch = (ids: readonly string[]): Promise<ReadonlyMap<string, Row>> => this.#fetch(storeId, ids);
      lookup = new BatchedLookup({ fetch, maxBatch: MAX_BATCH, maxInFlight: MAX_IN_FLIGHT });
      this.#stores.set(storeId, lookup);
    }
    return lookup.find(secretId);
  }

  async #fetch(storeId: string, ids: readonly string[]): Promise<ReadonlyMap<string, Row>> {
    const { rows } = await this.database.execute<Row>(undefined, this.statement, [storeId, ids]);
    return new Map(rows.map((row) => [row.id, row]));
  }
}
