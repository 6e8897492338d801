import { Injectable } from '@nestjs/common';
import { isAppError, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { isVaultError, type VaultContent } from '@claviger/vaults/contract';
import { fingerprintKeyId } from './content/index.js';
import { SecretFingerprints } from './secret-fingerprints.js';
import type { SecretEntity } from './secret.entity.js';
import { SecretRepository } from './secret.repository.js';
import { findCurrent, SourceVault } from './source-vault.js';

/**
 * Brings fingerprints of current versions under the key in force, after a rotation of it. Only content that has the
 * fingerprint that was stored, under the key that it names, gets a new one; older versions keep theirs.
 */
@Injectable()
export class FingerprintRenewal {
  constructor(
    private readonly database: Database,
    private readonly secrets: SecretRepository,
    private readonly vault: SourceVault,
    private readonly fingerprints: SecretFingerprints,
  ) {}

  /** How many living secrets have a current fingerprint of another key than the one in force. */
  async count(ctx: RequestContext): Promise<number> {
    const [row] = (await this.database
      .manager(ctx)
      .query(`select count(*)::int as count from secret where ${OUTDATED}`, [ctx.storeId, this.#active(ctx)])) as [
      { count: number },
    ];
    return row.count;
  }

  /** The ids of such secrets, in their order, from after one on. */
  async list(ctx: RequestContext, limit: number, after: string | undefined): Promise<string[]> {
    const rows = (await this.database
      .manager(ctx)
      .query(`select id from secret where ${OUTDATED} and ($3::uuid is null or id > $3) order by id limit $4`, [
        ctx.storeId,
        this.#active(ctx),
        after ?? null,
        limit,
      ])) as { id: string }[];
    return rows.map(({ id }) => id);
  }

  /**
   * Reads a secret's content from its source and renews its fingerprint. False when that cannot be now: the source does
   * not answer or holds something else, or a change or a copy of the secret is under way. Looking at the source on schedule
   * makes up for it.
   */
  async renew(ctx: RequestContext, id: string): Promise<boolean> {
    try {
      const secret = await this.secrets.find(ctx, id);
      if (secret?.state !== 'active' || secret.currentFingerprint === null) return false;
      const source = await this.vault.open(ctx, secret);
      const found = await findCurrent(source);
      if (!found || (found.version !== undefined && found.version !== secret.currentBackendVersion)) return false;
      return await this.database.transaction(ctx, (tx) => this.renewFrom(tx, secret, found.content));
    } catch (error) {
      if (isVaultError(error) || isAppError(error)) return false;
      throw error;
    }
  }

  /** Renews the fingerprint of a secret by what was read as its current content. In a transaction. */
  async renewFrom(tx: RequestContext, secret: SecretEntity, content: VaultContent): Promise<boolean> {
    const old = secret.currentFingerprint;
    if (old === null || fingerprintKeyId(old) === this.#active(tx)) return false;
    if (!this.fingerprints.matches(tx.storeId, secret.type, content, old)) return false;
    const locked = await this.secrets.lock(tx, secret.id);
    if (locked?.state !== 'active' || locked.currentFingerprint !== old) return false;
    if (await this.#isBeingCopied(tx, secret.id)) return false;
    const next = this.fingerprints.of(tx.storeId, secret.type, content);
    for (const statement of RENEWALS)
      await this.database.manager(tx).query(statement, [tx.storeId, secret.id, old, next]);
    return true;
  }

  /** The write of a copy is named after its fingerprint, so that a vault knows a repetition of it. */
  async #isBeingCopied(tx: RequestContext, id: string): Promise<boolean> {
    const rows = (await this.database.manager(tx).query(
      `select coalesce(greatest(lease_until, unsettled_until) > now(), false) as leased
       from sync_target where store_id = $1 and secret_id = $2 for update`,
      [tx.storeId, id],
    )) as { leased: boolean }[];
    return rows.some(({ leased }) => leased);
  }

  #active({ storeId }: RequestContext): string {
    return this.fingerprints.activeKeyId(storeId);
  }
}

const OUTDATED = `store_id = $1 and state <> 'deleted' and current_fingerprint is not null
  and split_part(current_fingerprint, ':', 1) <> $2`;

/** Nothing of this is a change of the secret: no revision rises, and no caller's precondition fails. */
const RENEWALS = [
  `update secret set current_fingerprint = $4 where store_id = $1 and id = $2 and current_fingerprint = $3`,
  `update secret_version v set fingerprint = $4 from secret s
   where s.store_id = $1 and s.id = $2 and v.store_id = s.store_id and v.secret_id = s.id
     and v.number = s.current_version and v.fingerprint = $3`,
  `update sync_target set desired_fingerprint = case when desired_fingerprint = $3 then $4 else desired_fingerprint end,
     observed_fingerprint = case when observed_fingerprint = $3 then $4 else observed_fingerprint end
   where store_id = $1 and secret_id = $2 and $3 in (desired_fingerprint, observed_fingerprint)`,
];
