import type { BatchPlace, Queryable } from './batch-stream.js';

/** How far a seal and those before it reach, by epoch, smallest epoch first. */
export type Cut = ReadonlyMap<string, BatchPlace>;

/** The last seal up to a number of each epoch, by hops through the index. */
const CUT_AFTER = `
  with recursive hop as (
    select min(epoch) as epoch from audit_seal where store_id = $1
    union all
    select (select min(epoch) from audit_seal where store_id = $1 and epoch > hop.epoch) from hop where epoch is not null
  )
  select hop.epoch, last.tx, last.id from hop cross join lateral (
    select watermark_tx as tx, watermark_id as id from audit_seal
    where store_id = $1 and epoch = hop.epoch and number <= $2 order by number desc limit 1) last
  order by hop.epoch`;

/** Where the batches end that are under a store's seals up to this number. */
export async function cutAfter(client: Queryable, storeId: string, seal: number): Promise<Cut> {
  const { rows } = await client.query<{ epoch: string } & BatchPlace>(CUT_AFTER, [storeId, seal]);
  return new Map(rows.map(({ epoch, tx, id }) => [epoch, { tx, id }]));
}
