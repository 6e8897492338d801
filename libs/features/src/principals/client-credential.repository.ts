import { newId, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { ClientCredentialEntity } from './client-credential.entity.js';

/** The rows of the secrets that service accounts log in with. */
@Injectable()
export class ClientCredentialRepository {
  constructor(private readonly database: Database) {}

  async insert(
    tx: RequestContext,
    row: Pick<ClientCredentialEntity, 'principalId' | 'sponsorId' | 'label' | 'hash' | 'hashKeyId' | 'expiresAt'>,
  ): Promise<ClientCredentialEntity> {
    const repository = this.database.repository(tx, ClientCredentialEntity);
    const id = newId();
    await repository.insert({ ...row, storeId: tx.storeId, id });
    return repository.findOneByOrFail({ storeId: tx.storeId, id });
  }

  /** Oldest first. There are few: nobody adds them but administrators. */
  list(ctx: RequestContext, principalId: string): Promise<ClientCredentialEntity[]> {
    const where = { storeId: ctx.storeId, principalId };
    return this.database.repository(ctx, ClientCredentialEntity).find({ where, order: { id: 'ASC' } });
  }

  async findByHash(ctx: RequestContext, hash: Buffer): Promise<ClientCredentialEntity | undefined> {
    const row = await this.database
      .repository(ctx, ClientCredentialEntity)
      .createQueryBuilder('c')
      .addSelect('c.hash')
      .innerJoinAndSelect('c.principal', 'p')
      .where('c.store_id = :storeId and c.hash = :hash', { storeId: ctx.storeId, hash })
      .getOne();
    return row ?? undefined;
  }

  /** Whether it is still there. */
  async noteUse(tx: RequestContext, id: string, lastUsedAt: Date): Promise<boolean> {
    const where = { storeId: tx.storeId, id };
    return (await this.database.repository(tx, ClientCredentialEntity).update(where, { lastUsedAt })).affected === 1;
  }

  /** Whether there was one. */
  async remove(tx: RequestContext, principalId: string, id: string): Promise<boolean> {
    const where = { storeId: tx.storeId, principalId, id };
    return (await this.database.repository(tx, ClientCredentialEntity).delete(where)).affected === 1;
  }
}
