import type { RequestContext } from '@claviger/kernel';
import type { QueryResultRow } from 'pg';
import { BatchedLookup } from './batched-lookup.js';
import type { Database, NamedStatement } from './database.js';

export type StoreLookupsOptions<Row> = {
  /** $1 is the store's id, the others are what `parameters` gives. At most one row for each key, in any order. */
  readonly statement: NamedStatement;
  /** The keys as parameters; one array of them unless given. */
  readonly parameters?: (keys: readonly string[]) => readonly unknown[];
  /** The key of a row. */
  readonly keyOf: (row: Row) => string;
};

const MAX_BATCH = 100;
const MAX_IN_FLIGHT = 2;

/** Looks rows of a store up by their keys with one named statement, gathered over concurrent requests. */
export class StoreLookups<Row extends QueryResultRow> {
  readonly #stores = new Map<string, BatchedLookup<string, Row>>();

  constructor(
    private readonly database: Database,
    private readonly options: StoreLookupsOptions<Row>,
  ) {}

  /** In a transaction the row is looked up there, by itself; else it may be given to others too, and is not to be changed. */
  async find(ctx: RequestContext, key: string): Promise<Row | undefined> {
    if (!ctx.transaction) return this.#gathered(ctx.storeId).find(key);
    return (await this.#fetch(ctx, ctx.storeId, [key])).get(key);
  }

  #gathered(storeId: string): BatchedLookup<string, Row> {
    let lookup = this.#stores.get(storeId);
    if (!lookup) {
      const fetch = (keys: readonly string[]): Promise<ReadonlyMap<string, Row>> =>
        this.#fetch(undefined, storeId, keys);
      lookup = new BatchedLookup({ fetch, maxBatch: MAX_BATCH, maxInFlight: MAX_IN_FLIGHT });
      this.#stores.set(storeId, lookup);
    }
    return lookup;
  }

  async #fetch(
    ctx: RequestContext | undefined,
    storeId: string,
    keys: readonly string[],
  ): Promise<ReadonlyMap<string, Row>> {
    const { statement, parameters, keyOf } = this.options;
    const values = [storeId, ...(parameters ? parameters(keys) : [keys])];
    const { rows } = await this.database.execute<Row>(ctx, statement, values);
    return new Map(rows.map((row) => [keyOf(row), row]));
  }
}
