import { Injectable } from '@nestjs/common';
import { isAppError, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import type { VaultCheck } from '@claviger/vaults/contract';
import { ProfileDirectory } from './profile-directory.js';
import { VaultInstanceRepository } from './vault-instance.repository.js';
import type { VaultInstance } from './vault-instance.js';
import { vaultServerChanged } from './vault-profiles.errors.js';

/**
 * Remembers which server an instance reaches. Places are kept by server, so an instance through which secrets were
 * stored may not come to name another server: nothing of them would be there, and their old places would be forgotten.
 */
@Injectable()
export class ServerIdentities {
  constructor(
    private readonly database: Database,
    private readonly instances: VaultInstanceRepository,
    private readonly directory: ProfileDirectory,
  ) {}

  /** @throws AppError VAULT_SERVER_CHANGED naming the profiles whose secrets lie elsewhere */
  async record(ctx: RequestContext, instance: VaultInstance, serverIdentity: string): Promise<void> {
    await this.assertSame(ctx, instance, serverIdentity);
    if (instance.serverIdentity === serverIdentity) return;
    await this.instances.setServerIdentity(ctx, instance.id, serverIdentity);
    this.directory.changed(ctx);
  }

  /** Records the server that a check has reached; a check that reached the wrong one is not ready. */
  async remember(ctx: RequestContext, instance: VaultInstance, check: VaultCheck): Promise<VaultCheck> {
    if (check.status !== 'ready' || check.serverIdentity === undefined) return check;
    try {
      await this.record(ctx, instance, check.serverIdentity);
      return check;
    } catch (error) {
      if (!isAppError(error, 'VAULT_SERVER_CHANGED')) throw error;
      return { ...check, status: 'misconfigured', message: error.message };
    }
  }

  /** @throws AppError VAULT_SERVER_CHANGED */
  async assertSame(ctx: RequestContext, instance: VaultInstance, serverIdentity: string): Promise<void> {
    const rows = (await this.database.manager(ctx).query(
      `select f.name from vault_profile f
       where f.store_id = $1 and f.instance_id = $2 and exists (
         select from backend_place p where p.store_id = $1 and p.profile_id = f.id and p.server_identity <> $3)
       order by f.name`,
      [ctx.storeId, instance.id, serverIdentity],
    )) as { name: string }[];
    if (rows.length > 0)
      throw vaultServerChanged(
        instance.name,
        rows.map((row) => row.name),
      );
  }
}
