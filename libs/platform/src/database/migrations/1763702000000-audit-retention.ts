import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Days of the audit log can be exported and dropped (ADR 38): what was exported to which file, and what finds and drops the
 * partitions. And days that are over can be searched by the words in them.
 */
export class AuditRetention1763702000000 implements MigrationInterface {
  readonly name = 'AuditRetention1763702000000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table audit_export (
        store_id uuid not null,
        number bigint not null,
        through_day date not null,
        first_seal bigint not null,
        last_seal bigint not null,
        last_seal_hash bytea not null,
        file text not null,
        sha256 bytea not null,
        entries bigint not null,
        kept_count integer not null,
        kept_root bytea not null,
        exported_at timestamptz(3) not null,
        key_id text not null,
        signature bytea not null,
        dropped_at timestamptz(3),
        constraint pk_audit_export primary key (store_id, number)
      )`);
    await db.query(`
      create trigger audit_export_append_only before update or delete on audit_export
      for each row when (old.dropped_at is not null) execute function audit_refuse_change()`);
    await db.query(`
      create trigger audit_export_no_truncate before truncate on audit_export
      for each statement execute function audit_refuse_change()`);
    await this.#findDays(db);
    await this.#dropDay(db);
    await this.#findWords(db);
  }

  /** Days of which there is a partition, or something in the default partition, by hops through its key. */
  async #findDays(db: QueryRunner): Promise<void> {
    await db.query(`
      create function audit_days() returns setof date language sql stable as $$
        with recursive hop as (
          select min(day) as day from audit_batch_default
          union all
          select (select min(day) from audit_batch_default where day > hop.day) from hop where day is not null
        )
        select day from hop where day is not null
        union
        select to_date(right(inhrelid::regclass::text, 8), 'YYYYMMDD') from pg_inherits
        where inhparent = 'audit_batch'::regclass and inhrelid::regclass::text ~ '^audit_batch_[0-9]{8}$'
        order by 1
      $$`);
  }

  /**
   * Drops what is there of a day, if a cut of its store and epoch covers all of it. The lock on all of audit_batch is held for
   * as long as the catalogue takes: writers that are under way have ended by then, and none can begin.
   */
  async #dropDay(db: QueryRunner): Promise<void> {
    await db.query(`
      create function audit_drop_day(dropped date, stores uuid[], epochs bigint[], txs bigint[], ids uuid[])
      returns boolean language plpgsql as $$
      declare
        partition regclass := to_regclass('audit_batch_' || to_char(dropped, 'YYYYMMDD'));
        is_beyond boolean;
      begin
        if partition is not null then
          lock table only audit_batch in access exclusive mode;
          execute format($query$
            with recursive hop as (
              (select store_id, epoch from %1$s order by store_id, epoch limit 1)
              union all
              select next.* from hop, lateral (
                select store_id, epoch from %1$s where (store_id, epoch) > (hop.store_id, hop.epoch)
                order by store_id, epoch limit 1) next
            )
            select exists (
              select from hop left join unnest($1, $2, $3, $4) cut (store_id, epoch, tx, id) using (store_id, epoch)
              where cut.tx is null or exists (
                select from %1$s batch where batch.store_id = hop.store_id and batch.epoch = hop.epoch
                  and (batch.tx, batch.id) > (cut.tx, cut.id))
            )$query$, partition) into is_beyond using stores, epochs, txs, ids;
          if is_beyond then
            return false;
          end if;
          execute format('alter table audit_batch detach partition %s', partition);
          execute format('drop table %s', partition);
        end if;
        if exists (select from audit_batch_default where day = dropped) then
          alter table audit_batch_default disable trigger audit_batch_append_only;
          delete from audit_batch_default batch using unnest(stores, epochs, txs, ids) cut (store_id, epoch, tx, id)
          where batch.day = dropped and batch.store_id = cut.store_id and batch.epoch = cut.epoch
            and (batch.tx, batch.id) <= (cut.tx, cut.id);
          alter table audit_batch_default enable trigger audit_batch_append_only;
        end if;
        return true;
      end $$`);
  }

  /**
   * What entries can be searched by, cut to what an index takes. Requests are not among them: their ids are many, long and all
   * different.
   */
  async #findWords(db: QueryRunner): Promise<void> {
    await db.query(`
      create function audit_words(entries text) returns text[] immutable strict parallel safe cost 1000 language sql as $$
        select array(
          select distinct left(word.text, 200)
          from string_to_table(entries, E'\\n') as line (text)
          cross join lateral (select line.text::jsonb as fields offset 0) entry
          cross join lateral (
            select 'a:' || (fields ->> place) from unnest(array[6, 7, 8, 9]) place where fields ->> place is not null
            union all
            select 'n:' || array_to_string((string_to_array(fields ->> 10, '.'))[1:size], '.')
              from generate_series(1, cardinality(string_to_array(fields ->> 10, '.'))) size
            union all
            select 'o:' || (fields ->> 11)
            union all
            select 'k:' || (fields ->> 12)
            union all
            select 'r:' || (fields ->> place) from unnest(array[13, 14]) place where fields ->> place is not null
          ) word (text)
        )
      $$`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
