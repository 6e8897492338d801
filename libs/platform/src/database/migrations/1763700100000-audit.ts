import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The audit log: entries partitioned by day, the seals over them, and triggers that refuse to change either. */
export class Audit1763700100000 implements MigrationInterface {
  readonly name = 'Audit1763700100000';

  async up(db: QueryRunner): Promise<void> {
    // tx orders entries by transaction: xid8 has no cast to bigint, and TypeORM knows no xid8. epoch is the system
    // identifier of the database cluster: transaction ids of two clusters (a dump restored elsewhere) do not compare.
    await db.query(`
      create table audit_entry (
        day date not null,
        id uuid not null,
        store_id uuid not null,
        at timestamptz(3) not null,
        epoch bigint not null,
        tx bigint not null default (pg_current_xact_id()::text::bigint),
        actor_type text not null,
        actor_id text not null,
        actor_accessor text,
        actor_name text not null,
        actor_root_id text not null,
        action text not null,
        outcome text not null constraint ck_audit_entry_outcome check (outcome in ('allowed', 'refused', 'failed')),
        resource_kind text not null,
        resource_id text,
        resource_name text,
        request_id text not null,
        remote_address text,
        details jsonb not null,
        digest bytea not null constraint ck_audit_entry_digest check (octet_length(digest) = 32),
        mac bytea not null constraint ck_audit_entry_mac check (octet_length(mac) = 32),
        mac_key_id text not null,
        constraint pk_audit_entry primary key (day, id)
      ) partition by range (day)`);
    await db.query(`create index ix_audit_entry_seal on audit_entry (store_id, epoch, tx, id)`);
    await db.query(`
      create table audit_seal (
        store_id uuid not null,
        number bigint not null,
        epoch bigint not null,
        watermark_tx bigint not null,
        watermark_id uuid not null,
        entry_count integer not null,
        merkle_root bytea not null,
        previous_hash bytea not null,
        sealed_at timestamptz(3) not null,
        key_id text not null,
        signature bytea not null,
        constraint pk_audit_seal primary key (store_id, number)
      )`);
    await db.query(`create index ix_audit_seal_epoch on audit_seal (store_id, epoch, number)`);
    await db.query(`
      create function audit_refuse_change() returns trigger language plpgsql as $$
      begin
        raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
      end $$`);
    for (const table of ['audit_entry', 'audit_seal'])
      await db.query(`
        create trigger ${table}_append_only before update or delete on ${table}
        for each row execute function audit_refuse_change()`);
    await db.query(`
      create trigger audit_seal_no_truncate before truncate on audit_seal
      for each statement execute function audit_refuse_change()`);
    await db.query(`
      create trigger audit_entry_no_truncate before truncate on audit_entry
      for each statement execute function audit_refuse_change()`);
    await db.query(`create table audit_entry_default partition of audit_entry default`);
    await db.query(`
      create trigger audit_entry_default_no_truncate before truncate on audit_entry_default
      for each statement execute function audit_refuse_change()`);
    // Attached instead of created in place: CREATE … PARTITION OF would lock all of audit_entry against inserts.
    await db.query(`
      create function audit_make_partitions(first_day date, last_day date) returns integer language plpgsql as $$
      declare
        each_day date;
        partition text;
        made integer := 0;
      begin
        perform pg_advisory_xact_lock(hashtext('audit_make_partitions'));
        for each_day in select generate_series(first_day, last_day, interval '1 day')::date loop
          partition := 'audit_entry_' || to_char(each_day, 'YYYYMMDD');
          continue when to_regclass(partition) is not null;
          begin
            execute format('create table %I (like audit_entry including defaults including constraints)', partition);
            execute format('create trigger %I before truncate on %I for each statement execute function audit_refuse_change()',
              partition || '_no_truncate', partition);
            execute format('alter table audit_entry attach partition %I for values from (%L) to (%L)',
              partition, each_day, each_day + 1);
          exception when check_violation then
            continue; -- entries of that day are in the default partition, and stay there: rows never move
          end;
          made := made + 1;
        end loop;
        return made;
      end $$`);
    await db.query(
      `select audit_make_partitions((now() at time zone 'UTC')::date, (now() at time zone 'UTC')::date + 2)`,
    );
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
