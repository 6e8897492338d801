import { Injectable } from '@nestjs/common';
import { isId, SecretValue, type RequestContext } from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { IsNull } from 'typeorm';
import { addListQuery, type ListQuery } from './list-query.js';
import { VaultInstanceEntity } from './vault-instance.entity.js';
import type { VaultInstance } from './vault-instance.js';
import { VaultProfileEntity } from './vault-profile.entity.js';

export type VaultInstanceFilter = { readonly namePrefix?: string; readonly kind?: string };

type NewRow = Pick<VaultInstance, 'id' | 'name' | 'kind' | 'description' | 'config' | 'limits' | 'serverIdentity'>;
type Changes = Partial<Pick<VaultInstance, 'description' | 'config' | 'limits' | 'serverIdentity'>>;

/** The rows of vault instances. Removed ones are not found. */
@Injectable()
export class VaultInstanceRepository {
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
  ) {}

  async insert(tx: RequestContext, row: NewRow, credentials: SecretValue<unknown>): Promise<void> {
    await this.database
      .repository(tx, VaultInstanceEntity)
      .insert({ ...row, storeId: tx.storeId, credentials: this.#seal(tx, row.id, credentials) } as never);
  }

  /** Changes a row and counts its revision up. */
  async update(tx: RequestContext, id: string, changes: Changes, credentials?: SecretValue<unknown>): Promise<void> {
    await this.#set(tx, id, { ...changes, ...(credentials ? { credentials: this.#seal(tx, id, credentials) } : {}) });
  }

  /** Hides the row for good and erases its credentials. */
  async remove(tx: RequestContext, id: string): Promise<void> {
    await this.#set(tx, id, { deletedAt: () => 'now()', credentials: null });
  }

  /** Notes which server was reached. What users changed is not touched, and so the revision stays. */
  async setServerIdentity(ctx: RequestContext, id: string, serverIdentity: string): Promise<void> {
    await this.database.repository(ctx, VaultInstanceEntity).update({ storeId: ctx.storeId, id }, { serverIdentity });
  }

  async find(ctx: RequestContext, idOrName: string): Promise<VaultInstance | undefined> {
    const key = isId(idOrName) ? { id: idOrName } : { name: idOrName };
    const where = { storeId: ctx.storeId, deletedAt: IsNull(), ...key };
    const row = await this.database.repository(ctx, VaultInstanceEntity).findOneBy(where);
    return row ? toInstance(row) : undefined;
  }

  /** Locks the row until the transaction ends: against changes, or to change it, then against new profiles as well. */
  async lock(tx: RequestContext, id: string, purpose: 'to use' | 'to change'): Promise<VaultInstance | undefined> {
    const where = { storeId: tx.storeId, id, deletedAt: IsNull() };
    const mode = purpose === 'to use' ? 'pessimistic_read' : 'pessimistic_write';
    const row = await this.database.repository(tx, VaultInstanceEntity).findOne({ where, lock: { mode } });
    return row ? toInstance(row) : undefined;
  }

  /** The instance with its credentials opened. */
  async findWithCredentials(
    ctx: RequestContext,
    id: string,
  ): Promise<{ readonly instance: VaultInstance; readonly credentials: SecretValue<unknown> } | undefined> {
    const row = await this.database
      .repository(ctx, VaultInstanceEntity)
      .createQueryBuilder('i')
      .addSelect('i.credentials')
      .where({ storeId: ctx.storeId, id, deletedAt: IsNull() })
      .getOne();
    if (!row?.credentials) return undefined;
    const text = this.keyring.open(ctx.storeId, credentialsRow(id), row.credentials).toString('utf8');
    return { instance: toInstance(row), credentials: new SecretValue(JSON.parse(text) as unknown) };
  }

  async list(ctx: RequestContext, query: ListQuery & VaultInstanceFilter): Promise<VaultInstance[]> {
    const select = this.database
      .repository(ctx, VaultInstanceEntity)
      .createQueryBuilder('i')
      .where('i.store_id = :storeId and i.deleted_at is null', { storeId: ctx.storeId });
    if (query.kind !== undefined) select.andWhere('i.kind = :kind', { kind: query.kind });
    return (await addListQuery(select, 'i', query).getMany()).map(toInstance);
  }

  /** Names of the profiles that use an instance, in order. */
  async listProfileNames(ctx: RequestContext, id: string): Promise<string[]> {
    const rows = await this.database.repository(ctx, VaultProfileEntity).find({
      where: { storeId: ctx.storeId, instanceId: id, deletedAt: IsNull() },
      select: { storeId: true, id: true, name: true },
      order: { name: 'ASC' },
    });
    return rows.map((row) => row.name);
  }

  async #set(tx: RequestContext, id: string, changes: Readonly<Record<string, unknown>>): Promise<void> {
    const set = { ...changes, revision: () => 'revision + 1', updatedAt: () => 'now()' };
    await this.database.repository(tx, VaultInstanceEntity).update({ storeId: tx.storeId, id }, set as never);
  }

  #seal(ctx: RequestContext, id: string, credentials: SecretValue<unknown>): Buffer {
    return this.keyring.seal(ctx.storeId, credentialsRow(id), JSON.stringify(credentials.reveal()));
  }
}

const credentialsRow = (id: string): string => `vault_instance/${id}/credentials`;

export function toInstance(row: VaultInstanceEntity): VaultInstance {
  const { id, name, kind, description, config, limits, serverIdentity, revision, createdAt, updatedAt } = row;
  return { id, name, kind, description, config, limits, serverIdentity, revision, createdAt, updatedAt };
}
