import { Injectable } from '@nestjs/common';
import { isAppError, type RequestContext } from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { SEALED_COLUMNS, type SealedColumn } from './key-inventory.js';
import type { RotationPosition } from './key-rotation.entity.js';

/** Rows that are sealed again in one transaction: their writers wait for as long. */
const BATCH = 100;

export type ResealedBatch = {
  /** Where to go on; undefined after the last row of the last column. */
  readonly next: RotationPosition | undefined;
  readonly resealed: number;
  /** Ciphertexts that do not open; they are left as they are. */
  readonly failed: number;
};

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
      const [row] = (await this.database.manager(ctx).query(
        `select count(*)::int as count from ${table} where store_id = $1 and ${column} is not null
         and ${keyIdOf(column)} ${under === undefined ? '<>' : '='} $2`,
        [ctx.storeId, under ?? this.#active(ctx)],
      )) as [{ count: number }];
      count += row.count;
    }
    return count;
  }

  /** Seals the rows from a position on again, at most a batch of one column. In a transaction. */
  async batch(tx: RequestContext, position: RotationPosition): Promise<ResealedBatch> {
    const column = SEALED_COLUMNS[position.column];
    if (!column) return { next: undefined, resealed: 0, failed: 0 };
    const rows = await this.#take(tx, column, position.after);
    const renewed = rows.flatMap((row) => this.#reseal(tx, row));
    if (renewed.length > 0) await this.#store(tx, column, renewed);
    const hasMore = rows.length === BATCH;
    const next = hasMore
      ? { column: position.column, after: rows.at(-1)!.key }
      : { column: position.column + 1, after: null };
    return {
      next: hasMore || next.column < SEALED_COLUMNS.length ? next : undefined,
      resealed: renewed.length,
      failed: rows.length - renewed.length,
    };
  }

  async #take(tx: RequestContext, spec: SealedColumn, after: readonly string[] | null): Promise<SealedRow[]> {
    const { table, column, key, row } = spec;
    const names = key.map(([name]) => name).join(', ');
    const bound = key.map(([, type], i) => `$${i + 3}::text::${type}`).join(', ');
    return (await this.database.manager(tx).query(
      `select array[${key.map(([name]) => `${name}::text`).join(', ')}] as key, ${row} as row, ${column} as sealed
       from ${table} where store_id = $1 and ${column} is not null and ${keyIdOf(column)} <> $2
         ${after === null ? '' : `and (${names}) > (${bound})`}
       order by ${names} limit ${BATCH} for no key update skip locked`,
      [tx.storeId, this.#active(tx), ...(after ?? [])],
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

  #active({ storeId }: RequestContext): string {
    return this.keyring.keyIds(storeId, 'data')[0]!;
  }
}

/** SQL of the key id that a ciphertext names: the eight bytes after its format. */
const keyIdOf = (column: string): string => `encode(substring(${column} from 2 for 8), 'hex')`;
