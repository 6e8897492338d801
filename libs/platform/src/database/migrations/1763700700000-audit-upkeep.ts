import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Nothing in the audit log is updated or deleted, so there is nothing to clean up: PostgreSQL no longer goes through a
 * partition each time that it has grown by a fifth, and takes its statistics only when it has doubled: under load that took
 * processor time which requests lacked. Freezing, which protects old rows, is not affected.
 */
const UPKEEP = `autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 1`;

export class AuditUpkeep1763700700000 implements MigrationInterface {
  readonly name = 'AuditUpkeep1763700700000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      do $$
      declare partition regclass;
      begin
        for partition in select inhrelid::regclass from pg_inherits where inhparent = 'audit_entry'::regclass loop
          execute format('alter table %s set (${UPKEEP})', partition);
        end loop;
      end $$`);
    // As it was, but for the upkeep.
    await db.query(`
      create or replace function audit_make_partitions(first_day date, last_day date) returns integer language plpgsql as $$
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
            execute format(
              'create table %I (like audit_entry including defaults including constraints) with (${UPKEEP})', partition);
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
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
