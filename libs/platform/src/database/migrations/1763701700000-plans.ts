import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Changes that were judged together, to be applied together. */
export class Plans1763701700000 implements MigrationInterface {
  readonly name = 'Plans1763701700000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table plan (
        store_id uuid not null constraint fk_plan_store references store (id),
        id uuid not null,
        state text not null constraint ck_plan_state
          check (state in ('judging', 'ready', 'applying', 'applied', 'cancelled', 'expired', 'stale')),
        requested_by jsonb not null,
        token_id uuid not null,
        reason text,
        item_count integer not null,
        on_failure text not null default 'continue' constraint ck_plan_on_failure check (on_failure in ('continue', 'stop')),
        is_stopping boolean not null default false,
        lease_owner text,
        lease_until timestamptz(3),
        expires_at timestamptz(3) not null,
        created_at timestamptz(3) not null default now(),
        judged_at timestamptz(3),
        applied_at timestamptz(3),
        ended_at timestamptz(3),
        constraint pk_plan primary key (store_id, id)
      )`);
    await db.query(`create index ix_plan_requester on plan (store_id, (requested_by->>'id'), id)`);
    await db.query(
      `create index ix_plan_open on plan (store_id, state, expires_at) where state in ('judging', 'ready', 'applying')`,
    );
    await db.query(`create index ix_plan_ended on plan (store_id, ended_at) where ended_at is not null`);
    await db.query(`
      create table plan_item (
        store_id uuid not null,
        plan_id uuid not null,
        number integer not null,
        id uuid not null,
        kind text not null,
        secret_id uuid,
        subject text,
        parameters jsonb not null,
        payload bytea,
        action text,
        steps jsonb not null default '[]',
        waits_for jsonb not null default '[]',
        base jsonb,
        state text not null constraint ck_plan_item_state check
          (state in ('open', 'done', 'no-op', 'pending_approval', 'executing', 'failed', 'stale', 'skipped')),
        code text,
        message text,
        change_id uuid,
        ended_at timestamptz(3),
        constraint pk_plan_item primary key (store_id, plan_id, number),
        constraint fk_plan_item_plan foreign key (store_id, plan_id) references plan (store_id, id) on delete cascade,
        constraint ck_plan_item_erased check (state = 'open' or payload is null)
      )`);
    await db.query(`create unique index uq_plan_item_id on plan_item (store_id, id)`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
