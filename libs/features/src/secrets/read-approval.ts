import { Inject, Injectable } from '@nestjs/common';
import {
  ChangeGateSlot,
  requesterOf,
  type ChangeHandler,
  type ChangeResult,
  type ExecutingChange,
} from '@claviger/features/changes';
import { AuditService, type AuditEntry } from '@claviger/features/audit';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { IsNull, MoreThan } from 'typeorm';
import { ReadGrantEntity } from './read-grant.entity.js';
import { assertSourceAsJudged, gatedAs } from './secret-gating.js';
import { readNeedsApproval, secretNotFound } from './secret.errors.js';
import { SecretRepository } from './secret.repository.js';

export type ReadParameters = { readonly version: number };

export const READ_CONTENT = 'secret.content.read';

/** How long an approved read may be made. */
export const READ_WITHIN_MS = 15 * 60_000;

/** Says which reads need approval, and keeps those that were approved until they are made, once. */
@Injectable()
export class ReadApprovals {
  constructor(
    private readonly database: Database,
    private readonly secrets: SecretRepository,
    private readonly slot: ChangeGateSlot,
    private readonly audit: AuditService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** False when no read at that profile needs approval. From memory. */
  couldNeed(ctx: RequestContext, sourceProfileId: string): Promise<boolean> {
    return this.slot.gate.couldHold(ctx, sourceProfileId, 'content-read');
  }

  /**
   * Whether these versions are read by approval, which the caller must have for each of them: {@link conclude} takes it once
   * they were found.
   * @throws AppError READ_NEEDS_APPROVAL
   */
  async admit(
    ctx: RequestContext,
    { id, sourceProfileId }: { readonly id: string; readonly sourceProfileId: string },
    versions: readonly number[],
  ): Promise<boolean> {
    const isNeeded = await this.#isNeeded(ctx, sourceProfileId, id);
    if (isNeeded) for (const version of versions) await this.#assertGranted(ctx, id, version);
    return isNeeded;
  }

  /**
   * Makes the audit entry about a read durable, together with taking the approvals that it was made by.
   * @throws AppError READ_NEEDS_APPROVAL when somebody was faster
   */
  async conclude(
    ctx: RequestContext,
    entry: AuditEntry,
    read: { readonly secretId: string; readonly versions: readonly number[]; readonly isApproved: boolean },
  ): Promise<void> {
    if (!read.isApproved) return this.audit.commit(ctx, entry);
    await this.database.transaction(ctx, async (tx) => {
      for (const version of read.versions) await this.#take(tx, read.secretId, version);
      await this.audit.record(tx, entry);
    });
  }

  async #isNeeded(ctx: RequestContext, sourceProfileId: string, secretId: string): Promise<boolean> {
    if (!(await this.couldNeed(ctx, sourceProfileId))) return false;
    const secret = await this.secrets.find(ctx, secretId);
    if (!secret) throw secretNotFound();
    const change = { gatedAs: gatedAs(secret, ['content-read']), requestedBy: requesterOf(ctx) };
    return (await this.slot.gate.bind(ctx, change)) !== undefined;
  }

  /** Before anything is read. */
  async #assertGranted(ctx: RequestContext, secretId: string, version: number): Promise<void> {
    const where = { storeId: ctx.storeId, secretId, version, reader: ctx.actor.rootId, usedAt: IsNull() };
    const endsAt = MoreThan(this.clock.now());
    if (!(await this.database.repository(ctx, ReadGrantEntity).existsBy({ ...where, endsAt })))
      throw readNeedsApproval();
  }

  async #take(tx: RequestContext, secretId: string, version: number): Promise<void> {
    const now = this.clock.now();
    const [rows] = (await this.database.manager(tx).query(
      `update read_grant set used_at = $5 where (store_id, change_id) in (
         select store_id, change_id from read_grant
         where store_id = $1 and secret_id = $2 and version = $3 and reader = $4 and used_at is null and ends_at > $5
         order by ends_at limit 1 for update skip locked)
       returning change_id`,
      [tx.storeId, secretId, version, tx.actor.rootId, now],
    )) as [{ change_id: string }[], number];
    if (rows.length === 0) throw readNeedsApproval();
  }

  /** Takes back the approved reads of a secret that were not made yet. */
  async withdraw(tx: RequestContext, secretId: string): Promise<void> {
    const unused = { storeId: tx.storeId, secretId, usedAt: IsNull() };
    await this.database.repository(tx, ReadGrantEntity).delete(unused);
  }

  async add(tx: RequestContext, change: ExecutingChange<ReadParameters>): Promise<Date> {
    const endsAt = new Date(this.clock.now().getTime() + READ_WITHIN_MS);
    await this.database.repository(tx, ReadGrantEntity).insert({
      storeId: tx.storeId,
      changeId: change.id,
      secretId: change.secretId!,
      version: change.parameters.version,
      reader: change.requestedBy.id,
      endsAt,
    });
    return endsAt;
  }
}

/** Lets who asked for it read one version once, for a while: nothing is read, and no value kept, for it. */
@Injectable()
export class ReadContentHandler implements ChangeHandler<ReadParameters> {
  readonly kind = READ_CONTENT;

  constructor(
    private readonly approvals: ReadApprovals,
    private readonly secrets: SecretRepository,
  ) {}

  async complete(tx: RequestContext, change: ExecutingChange<ReadParameters>): Promise<ChangeResult> {
    const secret = await this.secrets.lock(tx, change.secretId!);
    if (!secret) throw secretNotFound();
    assertSourceAsJudged(secret, change);
    const readUntil = await this.approvals.add(tx, change);
    return { secretId: change.secretId, version: change.parameters.version, readUntil: readUntil.toISOString() };
  }
}
