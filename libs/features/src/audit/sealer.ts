import type { Clock } from '@claviger/kernel';
import type { Keyring, NamedMac } from '@claviger/platform/crypto';
import type { Database, NamedStatement } from '@claviger/platform/database';
import type { PoolClient, QueryResultRow } from 'pg';
import { NO_SEAL, SEAL_LEAF_BYTES, sealHash, type AuditSeal } from './audit-seal.js';
import { BEFORE_ALL, EPOCHS, NEXT_LEAVES, STORES_TO_SEAL } from './audit-seal.hot.js';
import { AuditSealRepository } from './audit-seal.repository.js';
import { MerkleTree } from './merkle.js';
import type { SealAnchors } from './seal-anchors.js';
import { SealSigner } from './seal-key.js';

/** Most batches under one seal. */
export const MAX_SEALED_BATCHES = 1_000;

const LOCK_CLASS = 0x61756474; // "audt"

export type SealerDependencies = {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly clock: Clock;
  /** Without them, a cut tail of the log cannot be shown. */
  readonly anchors?: SealAnchors;
};

/** One store being sealed, by one process at a time, on one connection. */
type Sealing = {
  readonly client: PoolClient;
  readonly seals: AuditSealRepository;
  readonly storeId: string;
  readonly signer: SealSigner;
  last: AuditSeal | undefined;
};

/** Puts seals over committed batches of entries. Several processes may run one: an advisory lock per store keeps them apart. */
export class Sealer {
  /** By the id of the audit key: to derive one takes longer than to sign. */
  readonly #signers = new Map<string, SealSigner>();
  /** False until a pass ended well: then something may be sealed and not anchored, and every store is looked at. */
  #isCaughtUp = false;

  constructor(private readonly dependencies: SealerDependencies) {}

  /**
   * Seals every batch that can be sealed now, of all stores.
   *
   * @returns how many were
   */
  async sealAll(): Promise<number> {
    const { database } = this.dependencies;
    const values = [!this.#isCaughtUp];
    this.#isCaughtUp = false;
    const { rows } = await database.execute<{ store_id: string; epoch: string }>(undefined, STORES_TO_SEAL, values);
    let count = 0;
    for (const { store_id: storeId, epoch } of rows) count += await this.#sealStore(storeId, epoch);
    this.#isCaughtUp = true;
    return count;
  }

  async #sealStore(storeId: string, epoch: string): Promise<number> {
    const { database, keyring } = this.dependencies;
    const runner = database.dataSource.createQueryRunner();
    try {
      const client = (await runner.connect()) as PoolClient;
      if (!(await lock(client, storeId))) return 0;
      const seals = new AuditSealRepository(runner.manager);
      const signer = this.#signer(keyring.mac(storeId, 'audit'));
      try {
        return await this.#sealLocked({ client, seals, storeId, signer, last: await seals.findLast(storeId) }, epoch);
      } finally {
        // A connection that is lost has lost the lock too.
        await unlock(client, storeId).catch(() => undefined);
      }
    } finally {
      await runner.release();
    }
  }

  async #sealLocked(sealing: Sealing, epoch: string): Promise<number> {
    let count = 0;
    if (sealing.last?.epoch !== epoch)
      for (const past of await run<{ epoch: string }>(sealing.client, EPOCHS, [sealing.storeId]))
        if (past.epoch !== epoch) count += await this.#sealEpoch(sealing, past.epoch, true);
    count += await this.#sealEpoch(sealing, epoch, false);
    if (sealing.last) await this.dependencies.anchors?.keep(sealing.last, sealing.signer.publicKey);
    return count;
  }

  /** @param isOver true for another cluster's transactions: all that will ever be there is there */
  async #sealEpoch(sealing: Sealing, epoch: string, isOver: boolean): Promise<number> {
    let watermark = await this.#watermark(sealing, epoch);
    let total = 0;
    for (;;) {
      const [next] = await run<{ count: number; leaves: Buffer; tx: string; id: string }>(sealing.client, NEXT_LEAVES, [
        sealing.storeId,
        epoch,
        watermark.tx,
        watermark.id,
        isOver,
        MAX_SEALED_BATCHES,
      ]);
      if (!next) return total;
      watermark = { tx: next.tx, id: next.id };
      const { last, signer } = sealing;
      sealing.last = signer.sign({
        storeId: sealing.storeId,
        number: (last?.number ?? 0) + 1,
        epoch,
        watermarkTx: next.tx,
        watermarkId: next.id,
        batchCount: next.count,
        merkleRoot: merkleRoot(next.leaves),
        previousHash: last ? sealHash(last) : NO_SEAL,
        sealedAt: this.dependencies.clock.now().toISOString(),
        keyId: signer.keyId,
      });
      await sealing.seals.create(sealing.last);
      total += next.count;
      if (next.count < MAX_SEALED_BATCHES) return total;
    }
  }

  #signer(auditKey: NamedMac): SealSigner {
    const signer = this.#signers.get(auditKey.keyId) ?? new SealSigner(auditKey);
    this.#signers.set(auditKey.keyId, signer);
    return signer;
  }

  async #watermark({ seals, storeId, last }: Sealing, epoch: string): Promise<{ tx: string; id: string }> {
    const seal = last?.epoch === epoch ? last : await seals.findLast(storeId, epoch);
    return seal ? { tx: seal.watermarkTx, id: seal.watermarkId } : BEFORE_ALL;
  }
}

function merkleRoot(leaves: Buffer): string {
  const tree = new MerkleTree();
  for (let at = 0; at < leaves.length; at += SEAL_LEAF_BYTES) tree.add(leaves.subarray(at, at + SEAL_LEAF_BYTES));
  return tree.root().toString('hex');
}

async function run<R extends QueryResultRow>(
  client: PoolClient,
  statement: NamedStatement,
  values: unknown[],
): Promise<R[]> {
  return (await client.query<R>({ ...statement, values })).rows;
}

async function lock(client: PoolClient, storeId: string): Promise<boolean> {
  const sql = 'select pg_try_advisory_lock($1, hashtext($2)) as locked';
  return (await client.query<{ locked: boolean }>(sql, [LOCK_CLASS, storeId])).rows[0]!.locked;
}

async function unlock(client: PoolClient, storeId: string): Promise<void> {
  await client.query('select pg_advisory_unlock($1, hashtext($2))', [LOCK_CLASS, storeId]);
}
