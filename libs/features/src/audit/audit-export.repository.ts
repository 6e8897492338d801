import { IsNull, LessThanOrEqual, Not, type EntityManager } from 'typeorm';
import { AuditExportEntity } from './audit-export.entity.js';
import type { AuditExport } from './audit-export.js';

/** The exports of a store, on the connection of the manager. */
export class AuditExportRepository {
  constructor(private readonly manager: EntityManager) {}

  /** Those whose entries were dropped, in order. There is one for each day at most. */
  async listDropped(storeId: string): Promise<AuditExport[]> {
    const where = { storeId, droppedAt: Not(IsNull()) };
    return (await this.manager.find(AuditExportEntity, { where, order: { number: 'ASC' } })).map(fromRow);
  }

  /** Those whose entries are still in the database, in order. */
  async listPending(storeId: string): Promise<AuditExport[]> {
    const where = { storeId, droppedAt: IsNull() };
    return (await this.manager.find(AuditExportEntity, { where, order: { number: 'ASC' } })).map(fromRow);
  }

  async findLast(storeId: string): Promise<AuditExport | undefined> {
    const row = await this.manager.findOne(AuditExportEntity, { where: { storeId }, order: { number: 'DESC' } });
    return row ? fromRow(row) : undefined;
  }

  async create(exported: AuditExport): Promise<void> {
    await this.manager.insert(AuditExportEntity, {
      storeId: exported.storeId,
      number: String(exported.number),
      throughDay: exported.throughDay,
      firstSeal: String(exported.firstSeal),
      lastSeal: String(exported.lastSeal),
      lastSealHash: Buffer.from(exported.lastSealHash, 'hex'),
      file: exported.file,
      sha256: Buffer.from(exported.sha256, 'hex'),
      entries: String(exported.entries),
      keptCount: exported.keptCount,
      keptRoot: Buffer.from(exported.keptRoot, 'hex'),
      exportedAt: new Date(exported.exportedAt),
      keyId: exported.keyId,
      signature: Buffer.from(exported.signature, 'hex'),
    });
  }

  /** Forgets an export whose entries are still in the database. */
  async removePending({ storeId, number }: AuditExport): Promise<void> {
    await this.manager.delete(AuditExportEntity, { storeId, number: String(number), droppedAt: IsNull() });
  }

  /** Notes of all stores that the days up to this one are gone. */
  async markDropped(throughDay: string, at: Date): Promise<void> {
    const where = { throughDay: LessThanOrEqual(throughDay), droppedAt: IsNull() };
    await this.manager.update(AuditExportEntity, where, { droppedAt: at });
  }
}

function fromRow(row: AuditExportEntity): AuditExport {
  return {
    storeId: row.storeId,
    number: Number(row.number),
    throughDay: row.throughDay,
    firstSeal: Number(row.firstSeal),
    lastSeal: Number(row.lastSeal),
    lastSealHash: row.lastSealHash.toString('hex'),
    file: row.file,
    sha256: row.sha256.toString('hex'),
    entries: Number(row.entries),
    keptCount: row.keptCount,
    keptRoot: row.keptRoot.toString('hex'),
    exportedAt: row.exportedAt.toISOString(),
    keyId: row.keyId,
    signature: row.signature.toString('hex'),
  };
}
