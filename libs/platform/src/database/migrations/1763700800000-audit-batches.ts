import type { MigrationInterface, QueryRunner } from 'typeorm';

/** See AuditUpkeep1763700700000; the texts of long batches stand in the TOAST table. */
const UPKEEP = `autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 1,
  toast.autovacuum_vacuum_insert_threshold = -1`;

/**
 * The audit log stores together what is committed together (ADR 44): a row for each batch of entries instead of one for
 * each entry. An entry that is there already becomes a batch of one, with the digest and MAC that it has, so that every seal
 * and anchor stays true. `audit_entry` becomes a view that spells the entries out.
 */
export class AuditBatches1763700800000 implements MigrationInterface {
  readonly name = 'AuditBatches1763700800000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table audit_batch (
        day date not null,
        id uuid not null,
        store_id uuid not null,
        epoch bigint not null,
        tx bigint not null default (pg_current_xact_id()::text::bigint),
        entries text not null,
        digest bytea not null constraint ck_audit_batch_digest check (octet_length(digest) = 32),
        mac bytea not null constraint ck_audit_batch_mac check (octet_length(mac) = 32),
        mac_key_id text not null,
        constraint pk_audit_batch primary key (day, id)
      ) partition by range (day)`);
    // Ids and hashes hardly compress; to try costs more than the batch.
    await db.query(`alter table audit_batch alter entries set storage external`);
    await db.query(`create index ix_audit_batch_seal on audit_batch (store_id, epoch, tx, id)`);
    await db.query(`create table audit_batch_default partition of audit_batch default`);
    await db.query(`alter table audit_batch_default set (${UPKEEP})`);
    await db.query(`
      create trigger audit_batch_append_only before update or delete on audit_batch
      for each row execute function audit_refuse_change()`);
    for (const table of ['audit_batch', 'audit_batch_default'])
      await db.query(`
        create trigger ${table}_no_truncate before truncate on ${table}
        for each statement execute function audit_refuse_change()`);
    // As it was, but for the table and how it is stored.
    await db.query(`
      create or replace function audit_make_partitions(first_day date, last_day date) returns integer language plpgsql as $$
      declare
        each_day date;
        partition text;
        made integer := 0;
      begin
        perform pg_advisory_xact_lock(hashtext('audit_make_partitions'));
        for each_day in select generate_series(first_day, last_day, interval '1 day')::date loop
          partition := 'audit_batch_' || to_char(each_day, 'YYYYMMDD');
          continue when to_regclass(partition) is not null;
          begin
            execute format(
              'create table %I (like audit_batch including defaults including constraints including storage) with (${UPKEEP})',
              partition);
            execute format('create trigger %I before truncate on %I for each statement execute function audit_refuse_change()',
              partition || '_no_truncate', partition);
            execute format('alter table audit_batch attach partition %I for values from (%L) to (%L)',
              partition, each_day, each_day + 1);
          exception when check_violation then
            continue; -- entries of that day are in the default partition, and stay there: rows never move
          end;
          made := made + 1;
        end loop;
        return made;
      end $$`);
    // Which cluster this is: a connection ends before that can change, and to say it once for each plan saves reading the
    // control file for each entry. Nothing that is stored depends on the function.
    await db.query(`
      create function audit_epoch() returns bigint immutable language plpgsql as $$
      begin
        return (select system_identifier from pg_control_system());
      end $$`);
    await this.#moveEntries(db);
    await db.query(`alter table audit_seal rename column entry_count to batch_count`);
    await db.query(`drop table audit_entry`);
    await this.#createView(db);
    await db.query(
      `select audit_make_partitions((now() at time zone 'UTC')::date, (now() at time zone 'UTC')::date + 2)`,
    );
  }

  /**
   * The text is what the digest was made of: the entry's fields as JavaScript writes them as JSON. Names of details are
   * Claviger's own, in ASCII, and so in the same order for both.
   */
  async #moveEntries(db: QueryRunner): Promise<void> {
    await db.query(`
      select audit_make_partitions(day, day)
      from (select distinct day from audit_entry where tableoid <> 'audit_entry_default'::regclass) days`);
    const text = (column: string): string => `coalesce(to_json(${column})::text, 'null')`;
    const fields = [
      `'"claviger-audit-entry/1"'`,
      text('day::text'),
      text('id::text'),
      text('store_id::text'),
      text(`to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`),
      ...['actor_type', 'actor_id', 'actor_accessor', 'actor_name', 'actor_root_id', 'action', 'outcome'].map(text),
      ...['resource_kind', 'resource_id', 'resource_name', 'request_id', 'remote_address'].map(text),
      `'[' || coalesce((
        select string_agg('[' || to_json(detail.key)::text || ',' || detail.value::text || ']', ',' order by detail.key collate "C")
        from jsonb_each(details) detail), '') || ']'`,
      text('mac_key_id'),
    ];
    await db.query(`
      insert into audit_batch (day, id, store_id, epoch, tx, entries, digest, mac, mac_key_id)
      select day, id, store_id, epoch, tx, '[' || ${fields.join(` || ',' || `)} || ']', digest, mac, mac_key_id
      from audit_entry`);
  }

  /** For reading, by people too. In the order of (batch_day, batch_id, position), which the primary key serves. */
  async #createView(db: QueryRunner): Promise<void> {
    const texts = ['actor_type', 'actor_id', 'actor_accessor', 'actor_name', 'actor_root_id', 'action', 'outcome'];
    const more = ['resource_kind', 'resource_id', 'resource_name', 'request_id', 'remote_address'];
    const columns = [...texts, ...more].map((name, i) => `entry.fields ->> ${i + 5} as ${name}`);
    await db.query(`
      create view audit_entry as
      select batch.day as batch_day, batch.id as batch_id, line.position, batch.entries as batch_entries,
        batch.store_id, batch.epoch, batch.tx,
        (entry.fields ->> 1)::date as day, (entry.fields ->> 2)::uuid as id,
        (entry.fields ->> 4)::timestamptz(3) as at, ${columns.join(', ')},
        (select coalesce(jsonb_object_agg(detail ->> 0, detail -> 1), '{}') from jsonb_array_elements(entry.fields -> 17) detail)
          as details
      from audit_batch batch
      cross join lateral string_to_table(batch.entries, E'\\n') with ordinality as line (text, position)
      cross join lateral (select line.text::jsonb as fields offset 0) entry`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
