import type { RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import type { GroupEntity } from '../group.entity.js';

/** Which groups somebody came into and left. */
export type Moves = { readonly joined: readonly string[]; readonly left: readonly string[] };

/** A group that is kept from being removed. */
export type HeldGroup = Pick<GroupEntity, 'id' | 'name' | 'policies'>;

/** The memberships that issuers give. Those that somebody gave by hand are never touched. */
@Injectable()
export class IssuerMembershipRepository {
  constructor(private readonly database: Database) {}

  /** The groups among these that there are, kept from being removed until the transaction ends. */
  async hold(tx: RequestContext, groupIds: Iterable<string>): Promise<HeldGroup[]> {
    return this.#held(tx, 'id', [...groupIds]);
  }

  /** The same by name. */
  async holdNamed(tx: RequestContext, names: Iterable<string>): Promise<HeldGroup[]> {
    return this.#held(tx, 'name', [...names]);
  }

  /** Leaves a principal with exactly these memberships from an issuer. */
  async sync(tx: RequestContext, issuerId: string, principalId: string, groups: readonly HeldGroup[]): Promise<Moves> {
    const ids = groups.map(({ id }) => id);
    const left = await this.#remove(tx, 'm.issuer_id = $2 and m.principal_id = $3 and m.group_id <> all($4::uuid[])', [
      issuerId,
      principalId,
      ids,
    ]);
    const joined = (await this.database.manager(tx).query(
      `insert into group_member (store_id, principal_id, group_id, issuer_id) select $1, $3, unnest($4::uuid[]), $2
       on conflict do nothing returning group_id`,
      [tx.storeId, issuerId, principalId, ids],
    )) as { group_id: string }[];
    const names = new Map(groups.map(({ id, name }) => [id, name]));
    return { joined: joined.map(({ group_id }) => names.get(group_id)!).sort(), left };
  }

  /** Takes a principal what an issuer gave it. */
  async drop(tx: RequestContext, issuerId: string, principalId: string): Promise<void> {
    await this.#remove(tx, 'm.issuer_id = $2 and m.principal_id = $3', [issuerId, principalId]);
  }

  /** Takes everybody what an issuer gave and maps no more. */
  async dropUnmapped(tx: RequestContext, issuerId: string): Promise<void> {
    await this.#remove(
      tx,
      `m.issuer_id = $2 and not exists (select from login_issuer_group mapped where mapped.store_id = m.store_id
         and mapped.issuer_id = m.issuer_id and mapped.group_id = m.group_id)`,
      [issuerId],
    );
  }

  async #remove(tx: RequestContext, condition: string, values: readonly unknown[]): Promise<string[]> {
    const [rows] = (await this.database.manager(tx).query(
      `delete from group_member m using principal_group g
       where m.store_id = $1 and ${condition}
         and g.store_id = m.store_id and g.id = m.group_id returning g.name`,
      [tx.storeId, ...values],
    )) as [{ name: string }[], number];
    return rows.map(({ name }) => name).sort();
  }

  async #held(tx: RequestContext, column: 'id' | 'name', values: readonly string[]): Promise<HeldGroup[]> {
    const type = { id: 'uuid', name: 'text' }[column];
    // In one order, so that two who hold several never wait for each other.
    return (await this.database.manager(tx).query(
      `select id, name, policies from principal_group where store_id = $1 and ${column} = any($2::${type}[])
       order by id for key share`,
      [tx.storeId, values],
    )) as HeldGroup[];
  }
}
