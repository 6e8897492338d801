import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Reports, their signed documents in pieces, and what asks for them again and again. */
export class Reports1763701600000 implements MigrationInterface {
  readonly name = 'Reports1763701600000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table report (
        store_id uuid not null constraint fk_report_store references store (id),
        id uuid not null,
        kind text not null,
        parameters jsonb not null,
        formats text[] not null,
        state text not null default 'queued'
          constraint ck_report_state check (state in ('queued', 'running', 'done', 'failed', 'expired')),
        requested_by jsonb not null,
        schedule text,
        scanned integer not null default 0,
        expected integer,
        moment timestamptz(3),
        seal jsonb,
        claim uuid,
        leased_until timestamptz(3),
        attempts integer not null default 0,
        next_attempt_at timestamptz(3) not null,
        error_code text,
        error_message text,
        created_at timestamptz(3) not null,
        ended_at timestamptz(3),
        expires_at timestamptz(3),
        constraint pk_report primary key (store_id, id)
      )`);
    await db.query(
      `create index ix_report_open on report (store_id, next_attempt_at) where state in ('queued', 'running')`,
    );
    await db.query(`create index ix_report_expires on report (store_id, expires_at) where state = 'done'`);
    await db.query(`
      create table report_document (
        store_id uuid not null,
        report_id uuid not null,
        format text not null,
        bytes integer not null,
        sha256 text not null,
        claim uuid not null,
        signature text not null,
        audit_key_id text not null,
        constraint pk_report_document primary key (store_id, report_id, format),
        constraint fk_report_document_report foreign key (store_id, report_id) references report (store_id, id)
      )`);
    await db.query(`
      create table report_chunk (
        store_id uuid not null,
        report_id uuid not null,
        claim uuid not null,
        format text not null,
        number integer not null,
        bytes bytea not null,
        constraint pk_report_chunk primary key (store_id, report_id, claim, format, number),
        constraint fk_report_chunk_report foreign key (store_id, report_id) references report (store_id, id)
      )`);
    await db.query(`
      create table report_schedule (
        store_id uuid not null constraint fk_report_schedule_store references store (id),
        id uuid not null,
        name text collate "C" not null,
        kind text not null,
        parameters jsonb not null,
        formats text[] not null,
        cadence text not null constraint ck_report_schedule_cadence check (cadence in ('daily', 'weekly', 'monthly')),
        hour integer not null,
        weekday integer,
        day_of_month integer,
        is_enabled boolean not null default true,
        owner_id uuid not null,
        owner jsonb not null,
        next_run_at timestamptz(3) not null,
        last_run_at timestamptz(3),
        last_report_id uuid,
        last_error text,
        revision integer not null default 1,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        constraint pk_report_schedule primary key (store_id, id)
      )`);
    await db.query(`create unique index uq_report_schedule_name on report_schedule (store_id, name)`);
    await db.query(`create index ix_report_schedule_due on report_schedule (store_id, next_run_at) where is_enabled`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
