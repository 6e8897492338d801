import type { Clock } from '@claviger/kernel';
import type { Keyring } from '@claviger/platform/crypto';
import type { Database } from '@claviger/platform/database';
import { writeExportFile } from '@claviger/platform/files';
import { join } from 'node:path';
import type { EntityManager } from 'typeorm';
import { readSealed, sealsAfter, withKeys } from './audit-chain.js';
import { cutAfter, type Cut } from './audit-cut.js';
import { signExport, type AuditExport } from './audit-export.js';
import { keysOfStore } from './audit-keys.js';
import { EXPORT_FORMAT, writeRecord, type AuditPart, type AuditRecord } from './audit-record.js';
import { BEFORE_ALL, EPOCHS } from './audit-seal.hot.js';
import { NO_SEAL, sealHash, sealLeaf } from './audit-seal.js';
import { AuditSealRepository } from './audit-seal.repository.js';
import { followAudit } from './audit-verifier.js';
import { auditBroken } from './audit.errors.js';
import type { BatchPlace, Queryable } from './batch-stream.js';
import { MerkleTree } from './merkle.js';
import { SealSigner } from './seal-key.js';

export type AuditExporterDependencies = {
  readonly database: Database;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly directory: string;
};

/** Up to where a store's log is in files. */
export type ExportedSoFar = { readonly number: number; readonly lastSeal: number; readonly lastSealHash: string };

const NOTHING: ExportedSoFar = { number: 0, lastSeal: 0, lastSealHash: NO_SEAL };

/** What there is to do about a day: `waiting` until all of it is sealed, `nothing` where it has no entries. */
export type DayExport = 'nothing' | 'waiting' | AuditExport;

type DayToWrite = {
  readonly storeId: string;
  readonly day: string;
  /** The export before this one. */
  readonly before?: ExportedSoFar | undefined;
  readonly signal: AbortSignal;
};

type FileToWrite = {
  readonly storeId: string;
  readonly part: AuditPart;
  readonly file: string;
  readonly signal: AbortSignal;
};

/** Writes the seals up to the end of a day, with their batches, to a file, and verifies them while it does. */
export class AuditExporter {
  constructor(private readonly dependencies: AuditExporterDependencies) {}

  /**
   * Writes the file of a day; sealed batches do not change, so this needs no transaction. Nothing is recorded.
   *
   * @throws AppError `AUDIT_BROKEN`: what is there is not what was sealed
   * @throws DOMException when the signal aborts
   */
  async writeDay({ storeId, day, before = NOTHING, signal }: DayToWrite): Promise<DayExport> {
    const needed = await this.#lastSealOf(storeId, day, before.lastSeal);
    if (needed === 'nothing' || needed === 'waiting') return needed;
    const seals = new AuditSealRepository(this.#manager);
    const last = await seals.find(storeId, needed);
    if (!last) return 'waiting';
    const part = {
      throughDay: day,
      firstSeal: before.lastSeal + 1,
      lastSeal: last.number,
      previousHash: before.lastSealHash,
    };
    const file = `audit-${storeId}-${day}-${sealHash(last).slice(0, 16)}.jsonl.gz`;
    const written = await this.#write({ storeId, part, file, signal });
    const signer = new SealSigner(this.dependencies.keyring.mac(storeId, 'audit'));
    const body = {
      storeId,
      number: before.number + 1,
      throughDay: day,
      firstSeal: part.firstSeal,
      lastSeal: part.lastSeal,
      lastSealHash: sealHash(last),
      file,
      sha256: written.sha256,
      entries: written.entries,
      ...(await this.#kept(storeId, day, await cutAfter(this.#pool, storeId, last.number))),
      exportedAt: this.dependencies.clock.now().toISOString(),
      keyId: signer.keyId,
    };
    return signExport(body, signer);
  }

  async #write({ storeId, part, file, signal }: FileToWrite): Promise<{ sha256: string; entries: number }> {
    const { directory, keyring } = this.dependencies;
    const following = followAudit({ records: this.#records(storeId, part), keys: keysOfStore(keyring, storeId) });
    let entries = 0;
    const lines = async function* (): AsyncGenerator<string> {
      for (;;) {
        signal.throwIfAborted();
        const next = await following.next();
        if (!next.done) {
          yield writeRecord(next.value);
          continue;
        }
        if (next.value.broken) throw auditBroken(next.value.broken);
        entries = next.value.sealedEntries;
        return;
      }
    };
    const { sha256 } = await writeExportFile(join(directory, file), lines());
    return { sha256, entries };
  }

  async *#records(storeId: string, part: AuditPart): AsyncGenerator<AuditRecord> {
    const { keyring, clock } = this.dependencies;
    yield { kind: 'export', format: EXPORT_FORMAT, storeId, exportedAt: clock.now().toISOString(), part };
    const before = part.firstSeal - 1;
    const cut = await cutAfter(this.#pool, storeId, before);
    const seals = sealsAfter(new AuditSealRepository(this.#manager), storeId, before, part.lastSeal);
    yield* readSealed({ client: this.#pool, storeId, cut }, withKeys(seals, keysOfStore(keyring, storeId)), false);
  }

  /** The seal under which the last batch up to the end of the day is, but one that is not exported yet. */
  async #lastSealOf(storeId: string, day: string, after: number): Promise<number | 'nothing' | 'waiting'> {
    const cut = await cutAfter(this.#pool, storeId, after);
    let needed: number | undefined;
    for (const epoch of await this.#epochs(storeId)) {
      const last = await this.#lastOfDay(storeId, epoch, day);
      if (!last) continue;
      needed ??= after + 1;
      const place = cut.get(epoch);
      if (place && !isAfter(last, place)) continue;
      const values = [storeId, epoch, last.tx, last.id, after];
      const [seal] = (await this.#pool.query<{ number: string }>(SEAL_OVER, values)).rows;
      if (!seal) return 'waiting';
      needed = Math.max(needed, Number(seal.number));
    }
    return needed ?? 'nothing';
  }

  async #epochs(storeId: string): Promise<string[]> {
    const { rows } = await this.#pool.query<{ epoch: string }>({ ...EPOCHS, values: [storeId] });
    return rows.map(({ epoch }) => epoch);
  }

  async #lastOfDay(storeId: string, epoch: string, day: string): Promise<BatchPlace | undefined> {
    return (await this.#pool.query<BatchPlace>(LAST_OF_DAY, [storeId, epoch, day])).rows[0];
  }

  /** What stays when the day and those before are dropped. */
  async #kept(storeId: string, day: string, cut: Cut): Promise<{ keptCount: number; keptRoot: string }> {
    const tree = new MerkleTree();
    for (const [epoch, last] of cut)
      for (let after: BatchPlace | undefined = BEFORE_ALL; after;) {
        const values: readonly unknown[] = [storeId, epoch, day, after.tx, after.id, last.tx, last.id, LEAVES_PER_PAGE];
        const { rows }: { readonly rows: readonly KeptRow[] } = await this.#pool.query<KeptRow>(KEPT_AFTER, [
          ...values,
        ]);
        for (const { tx, digest, mac } of rows) tree.add(sealLeaf({ epoch, tx, digest, mac }));
        after = rows.length < LEAVES_PER_PAGE ? undefined : rows.at(-1);
      }
    return { keptCount: tree.size, keptRoot: tree.root().toString('hex') };
  }

  get #pool(): Queryable {
    return this.dependencies.database.pool;
  }

  get #manager(): EntityManager {
    return this.dependencies.database.dataSource.manager;
  }
}

const LAST_OF_DAY = `
  select tx, id from audit_batch where store_id = $1 and epoch = $2 and day <= $3::date order by tx desc, id desc limit 1`;

const LEAVES_PER_PAGE = 1_000;

type KeptRow = BatchPlace & { readonly digest: string; readonly mac: string };

const KEPT_AFTER = `
  select tx, id, encode(digest, 'hex') as digest, encode(mac, 'hex') as mac from audit_batch
  where store_id = $1 and epoch = $2 and day > $3::date
    and (tx, id) > ($4::bigint, $5::uuid) and (tx, id) <= ($6::bigint, $7::uuid)
  order by tx, id limit $8`;

const SEAL_OVER = `
  select number from audit_seal
  where store_id = $1 and epoch = $2 and number > $5 and (watermark_tx, watermark_id) >= ($3::bigint, $4::uuid)
  order by number limit 1`;

function isAfter(place: BatchPlace, other: BatchPlace): boolean {
  const [tx, before] = [BigInt(place.tx), BigInt(other.tx)];
  return tx === before ? place.id > other.id : tx > before;
}
