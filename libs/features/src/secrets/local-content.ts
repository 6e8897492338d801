import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, newId, type Clock, type RequestContext } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import type { ChangeEntity, Requester } from '@claviger/features/changes';
import { BatchedWrite, Database, StoreLookups } from '@claviger/platform/database';
import { LOCAL_VAULT, type LocalVault, type VaultContent } from '@claviger/vaults/contract';
import {
  FIND_CURRENT_CONTENT,
  FIND_WRITE_BASE,
  WRITE_CONTENTS,
  writeParameters,
  type CurrentContentRow,
  type HotWrite,
  type WriteBaseRow,
} from './secret-content.hot.js';
import { WRITE_CONTENT, type WriteParameters } from './write-content.handler.js';

export type LocalWrite = {
  readonly base: WriteBaseRow;
  readonly subject: { readonly kind: string; readonly id: string; readonly name: string };
  readonly content: VaultContent;
  readonly parameters: WriteParameters;
  /** The version that the caller bound the write to. */
  readonly boundVersion: number | undefined;
  readonly reason: string | undefined;
  /** How many versions the vault keeps. */
  readonly keep: number;
};

const MAX_BATCH = 100;
const MAX_IN_FLIGHT = 2;

/**
 * The short way for content in the built-in vault: one statement to read and one to write, each gathered over concurrent
 * requests. It does what the long way does; the long way serves whatever it does not take.
 */
@Injectable()
export class LocalContent {
  readonly #contents: StoreLookups<CurrentContentRow>;
  readonly #bases: StoreLookups<WriteBaseRow>;
  readonly #writes: BatchedWrite<HotWrite, number | undefined>;

  constructor(
    database: Database,
    private readonly audit: AuditService,
    @Inject(LOCAL_VAULT) private readonly vault: LocalVault,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.#contents = new StoreLookups(database, { statement: FIND_CURRENT_CONTENT, keyOf: ({ id }) => id });
    this.#bases = new StoreLookups(database, { statement: FIND_WRITE_BASE, keyOf: ({ id }) => id });
    this.#writes = new BatchedWrite({
      write: async (writes) => {
        type Written = { readonly secret_id: string; readonly current_version: number };
        const { rows } = await database.execute<Written>(undefined, WRITE_CONTENTS, writeParameters(writes));
        const versions = new Map(rows.map((row) => [row.secret_id, row.current_version]));
        return writes.map(({ base }) => versions.get(base.id));
      },
      keyOf: ({ base }) => base.id,
      maxBatch: MAX_BATCH,
      maxInFlight: MAX_IN_FLIGHT,
    });
  }

  /** The secret, and its content where that is in the built-in vault. */
  findContent(ctx: RequestContext, secretId: string): Promise<CurrentContentRow | undefined> {
    return this.#contents.find(ctx, secretId);
  }

  /** The secret as a write finds it. */
  findBase(ctx: RequestContext, secretId: string): Promise<WriteBaseRow | undefined> {
    return this.#bases.find(ctx, secretId);
  }

  /** The content of a row that has one. @throws AppError CIPHERTEXT_INVALID */
  open(ctx: RequestContext, row: CurrentContentRow): VaultContent {
    return this.vault.open(ctx.storeId, { contentId: row.content_id!, sealed: row.content! });
  }

  /** Writes a new version; undefined when the secret is not as it was found any more. Not for inside a transaction. */
  async write(ctx: RequestContext, write: LocalWrite): Promise<ChangeEntity | undefined> {
    const { base, subject, parameters } = write;
    const changeId = newId();
    const version = await this.#writes.submit({
      storeId: ctx.storeId,
      base,
      ...this.vault.seal(ctx.storeId, write.content),
      keep: write.keep,
      fingerprint: parameters.fingerprint,
      facts: JSON.stringify(parameters.facts),
      changeId,
      requester: JSON.stringify(requester(ctx)),
      reason: write.reason ?? null,
      boundVersion: write.boundVersion ?? null,
      parameters: JSON.stringify({ ...parameters, subject }),
      cause: parameters.cause,
      eventId: newId(),
      entry: this.audit.entry(ctx, {
        action: WRITE_CONTENT,
        outcome: 'allowed',
        resource: subject,
        details: { changeId, phase: 'done' },
      }),
    });
    return version === undefined ? undefined : this.#done(ctx, write, changeId, version);
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
      requestedBy: requester(ctx),
      reason: write.reason ?? null,
      baseVersion: write.boundVersion ?? null,
      parameters: { ...write.parameters, subject: write.subject },
      payload: null,
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

const requester = (ctx: RequestContext): Requester => ({ id: ctx.actor.rootId, name: ctx.actor.displayName });
