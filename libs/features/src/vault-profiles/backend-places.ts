import { Injectable } from '@nestjs/common';
import { newId, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { BackendPlaceEntity } from './backend-place.entity.js';
import { VaultConnections, type Location } from './vault-connections.js';
import { placeTaken, vaultProfileMoved } from './vault-profiles.errors.js';

/** Which secret, through which profile. */
export type PlaceClaim = { readonly profileId: string; readonly secretId: string };

type Owner = {
  readonly store_id: string;
  readonly profile_id: string;
  readonly secret_id: string;
  readonly profile: string;
  readonly secret: string;
  readonly state: string | null;
};

/**
 * Who owns which object of which server. A place is claimed before anything is written there, so that two profiles,
 * prefixes or instances that reach one object are told so. The claim stays until the object is known to be gone.
 */
@Injectable()
export class BackendPlaces {
  constructor(
    private readonly database: Database,
    private readonly connections: VaultConnections,
  ) {}

  /**
   * Claims a place, in the transaction of the change that needs it. Claiming one's own place again changes nothing.
   * Asks the server only when it was never reached.
   *
   * @throws AppError PLACE_TAKEN naming the secret and profile that own it, VAULT_PROFILE_NOT_FOUND, VAULT_PROFILE_MOVED;
   * VaultError
   */
  async claim(tx: RequestContext, claim: PlaceClaim & { readonly physicalName: string }): Promise<void> {
    const at = await this.connections.locate(tx, claim.profileId, claim.physicalName);
    if (await this.#insert(tx, claim, at)) return;
    const owner = await this.#findOwner(tx, at);
    if (!owner) throw vaultProfileMoved(at.profile.name);
    if (owner.secret_id === claim.secretId && owner.profile_id === claim.profileId) return;
    const { profile, secret, state } = owner;
    throw placeTaken(owner.store_id === tx.storeId ? { profile, secret } : 'another store', state === 'deleting');
  }

  /** Gives up places of a secret, all or those of one profile: the objects are gone, or left to whoever wants them. */
  async forget(tx: RequestContext, claim: Pick<PlaceClaim, 'secretId'> & Partial<PlaceClaim>): Promise<void> {
    const { secretId, profileId } = claim;
    const where = { storeId: tx.storeId, secretId, ...(profileId === undefined ? {} : { profileId }) };
    await this.database.repository(tx, BackendPlaceEntity).delete(where);
  }

  /** Which of these places of a server belong to a secret of any store. */
  async findTaken(ctx: RequestContext, serverIdentity: string, physicalNames: readonly string[]): Promise<Set<string>> {
    if (physicalNames.length === 0) return new Set();
    const rows = (await this.database
      .manager(ctx)
      .query(`select physical_name from backend_place where server_identity = $1 and physical_name = any($2::text[])`, [
        serverIdentity,
        physicalNames,
      ])) as { physical_name: string }[];
    return new Set(rows.map(({ physical_name: name }) => name));
  }

  /** False when the place is taken, or the profile does not lead there any more; it cannot be moved until `tx` ends. */
  async #insert(tx: RequestContext, claim: PlaceClaim, at: Location): Promise<boolean> {
    const { profile } = at;
    const rows = (await this.database.manager(tx).query(
      `insert into backend_place (id, store_id, server_identity, physical_name, profile_id, secret_id)
       select $1, $2, $3, $4, $5, $6 from vault_profile
       where store_id = $2 and id = $5 and deleted_at is null
         and instance_id = $7 and mount = $8 and prefix = $9 and flavour = $10
       for share
       on conflict on constraint uq_backend_place do nothing
       returning id`,
      [
        newId(),
        tx.storeId,
        at.serverIdentity,
        at.physicalName,
        claim.profileId,
        claim.secretId,
        profile.instanceId,
        profile.mount,
        profile.prefix,
        profile.flavour,
      ],
    )) as unknown[];
    return rows.length > 0;
  }

  async #findOwner(tx: RequestContext, at: Location): Promise<Owner | undefined> {
    const [owner] = (await this.database.manager(tx).query(
      `select p.store_id, p.profile_id, p.secret_id, f.name as profile, coalesce(s.name, p.secret_id::text) as secret, s.state
       from backend_place p
       join vault_profile f on f.store_id = p.store_id and f.id = p.profile_id
       left join secret s on s.store_id = p.store_id and s.id = p.secret_id
       where p.server_identity = $1 and p.physical_name = $2`,
      [at.serverIdentity, at.physicalName],
    )) as Owner[];
    return owner;
  }
}
