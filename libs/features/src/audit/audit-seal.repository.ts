import { MoreThan, type EntityManager, type FindOptionsWhere } from 'typeorm';
import { AuditSealEntity } from './audit-seal.entity.js';
import type { AuditSeal } from './audit-seal.js';

/** The seals, on the connection of the manager. */
export class AuditSealRepository {
  constructor(private readonly manager: EntityManager) {}

  /** The newest seal of a store, or of one epoch of it. */
  async findLast(storeId: string, epoch?: string): Promise<AuditSeal | undefined> {
    const where: FindOptionsWhere<AuditSealEntity> = epoch === undefined ? { storeId } : { storeId, epoch };
    const row = await this.manager.findOne(AuditSealEntity, { where, order: { number: 'DESC' } });
    return row ? fromRow(row) : undefined;
  }

  async find(storeId: string, number: number): Promise<AuditSeal | undefined> {
    const row = await this.manager.findOneBy(AuditSealEntity, { storeId, number: String(number) });
    return row ? fromRow(row) : undefined;
  }

  /** At most `limit` seals with greater numbers, in order. */
  async list(storeId: string, { after, limit }: { after: number; limit: number }): Promise<AuditSeal[]> {
    const where = { storeId, number: MoreThan(String(after)) };
    const rows = await this.manager.find(AuditSealEntity, { where, order: { number: 'ASC' }, take: limit });
    return rows.map(fromRow);
  }

  async create(seal: AuditSeal): Promise<void> {
    await this.manager.insert(AuditSealEntity, {
      storeId: seal.storeId,
      number: String(seal.number),
      epoch: seal.epoch,
      watermarkTx: seal.watermarkTx,
      watermarkId: seal.watermarkId,
      batchCount: seal.batchCount,
      merkleRoot: Buffer.from(seal.merkleRoot, 'hex'),
      previousHash: Buffer.from(seal.previousHash, 'hex'),
      sealedAt: new Date(seal.sealedAt),
      keyId: seal.keyId,
      signature: Buffer.from(seal.signature, 'hex'),
    });
  }
}

function fromRow(row: AuditSealEntity): AuditSeal {
  return {
    storeId: row.storeId,
    number: Number(row.number),
    epoch: row.epoch,
    watermarkTx: row.watermarkTx,
    watermarkId: row.watermarkId,
    batchCount: row.batchCount,
    merkleRoot: row.merkleRoot.toString('hex'),
    previousHash: row.previousHash.toString('hex'),
    sealedAt: row.sealedAt.toISOString(),
    keyId: row.keyId,
    signature: row.signature.toString('hex'),
  };
}
