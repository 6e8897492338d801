import { Injectable } from '@nestjs/common';
import { isAppError, type RequestContext } from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { SEALED_COLUMNS, type SealedColumn } from './key-inventory.js';
import type { RotationPosition } from './key-rotation.entity.js';

/** Rows that are sealed again in one transaction: their writers wait for as long. */
const BATCH = 100;

export type ResealedBatch = {
  /** Where to go on; {@link isPastAll} after the last row of the last column. */
  readonly next: RotationPosition;
  readonly resealed: number;
  /** Ciphertexts that do not open; they are left as they are. */
  readonly failed: number;
};

/** True when no row is left from a position on. */
export const isPastAll = ({ column }: RotationPosition): boolean => column >= SEALED_COLUMNS.length;

type SealedRow = { readonly key: string[]; readonly row: string; readonly sealed: Buffer };

/**
 * Seals rows again under the data key in force. A row keeps everything else, its revision too, and is locked only while
 * its batch lasts; rows that somebody else has locked are passed over, so that this never waits for a writer, nor a
 * deadlock comes of it.
 */
@Injectable()
export class Resealing {
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
  ) {}

  /** How many ciphertexts are not under the key in force, or are under that one key. */
  async count(ctx: RequestContext, under?: string): Promise<number> {
    let count = 0;
    for (const { table, column } of SEALED_COLUMNS) {
      const [row] = (await this.database
        .manager(ctx)
        .query(`select count(*)::int as count from ${table} where store_id = $1 and ${isUnder(column, under)}`, [
          ctx.storeId,
          under ?? this.activeKeyId(ctx),
        ])) as [{ count: number }];
      count += row.count;
    }
    return count;
  }

  /** The id of the data key in force, as this process knows it. */
  activeKeyId({ storeId }: RequestContext): string {
    return this.keyring.keyIds(storeId, 'data')[0]!;
  }

  /** Seals the rows from a position on again, at most a batch of one column, or those under one key. In a transaction. */
  async batch(tx: RequestContext, position: RotationPosition, under?: string): Promise<ResealedBatch> {
    const column = SEALED_COLUMNS[position.column];
    if (!column) return { next: position, resealed: 0, failed: 0 };
    const rows = await this.#take(tx, column, position.after, under);
    const renewed = rows.flatMap((row) => this.#reseal(tx, row));
    if (renewed.length > 0) await this.#store(tx, column, renewed);
    const next =
      rows.length === BATCH
        ? { column: position.column, after: rows.at(-1)!.key }
        : { column: position.column + 1, after: null };
    return { next, resealed: renewed.length, failed: rows.length - renewed.length };
  }

  async #take(
    tx: RequestContext,
    spec: SealedColumn,
    after: readonly string[] | null,
    under: string | undefined,
  ): Promise<SealedRow[]> {
    const { table, column, key, row } = spec;
    const names = key.map(([name]) => name).join(', ');
    const bound = key.map(([, type], i) => `$${i + 3}::text::${type}`).join(', ');
    return (await this.database.manager(tx).query(
      `select array[${key.map(([name]) => `${name}::text`).join(', ')}] as key, ${row} as row, ${column} as sealed
       from ${table} where store_id = $1 and ${isUnder(column, under)}
         ${after === null ? '' : `and (${names}) > (${bound})`}
       order by ${names} limit ${BATCH} for no key update skip locked`,
      [tx.storeId, under ?? this.activeKeyId(tx), ...(after ?? [])],
    )) as SealedRow[];
  }

  #reseal({ storeId }: RequestContext, { key, row, sealed }: SealedRow): SealedRow[] {
    try {
      const opened = this.keyring.open(storeId, row, sealed);
      return [{ key, row, sealed: this.keyring.seal(storeId, row, opened) }];
    } catch (error) {
      if (isAppError(error) && error.code === 'CIPHERTEXT_INVALID') return [];
      throw error;
    }
  }

  async #store(tx: RequestContext, { table, column, key }: SealedColumn, rows: readonly SealedRow[]): Promise<void> {
    const given = key.map((_, i) => `k${i}`);
    const arrays = key.map((_, i) => `$${i + 3}::text[]`);
    await this.database.manager(tx).query(
      `update ${table} t set ${column} = g.sealed
       from unnest($2::bytea[], ${arrays.join(', ')}) as g (sealed, ${given.join(', ')})
       where t.store_id = $1 and ${key.map(([name, type], i) => `t.${name} = g.k${i}::${type}`).join(' and ')}`,
      [tx.storeId, rows.map(({ sealed }) => sealed), ...key.map((_, i) => rows.map((row) => row.key[i]))],
    );
  }
}

/** SQL: sealed under the key $2, or under another one. The key id is in the eight bytes after the format. */
const isUnder = (column: string, under: string | undefined): string =>
  `${column} is not null and encode(substring(${column} from 2 for 8), 'hex') ${under === undefined ? '<>' : '='} $2`;
