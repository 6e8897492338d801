import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Requests with an idempotency key and their answers, and the changes that came of them. */
export class Idempotency1763701200000 implements MigrationInterface {
  readonly name = 'Idempotency1763701200000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table idempotency_record (
        store_id uuid not null constraint fk_idempotency_record_store references store (id),
        key_hash bytea not null,
        id uuid not null,
        identity text not null,
        token_id text not null,
        method text not null,
        route text not null,
        request_hash bytea not null,
        state text not null constraint ck_idempotency_record_state check (state in ('running', 'finished')),
        owner uuid,
        lease_until timestamptz(3),
        status integer,
        headers jsonb,
        answer bytea,
        granted text[],
        created_at timestamptz(3) not null,
        expires_at timestamptz(3) not null,
        constraint pk_idempotency_record primary key (store_id, key_hash)
      )`);
    await db.query(`create index ix_idempotency_record_expires on idempotency_record (expires_at)`);
    await db.query(`alter table change add column idempotency_id uuid`);
    await db.query(
      `create unique index uq_change_idempotency on change (store_id, idempotency_id) where idempotency_id is not null`,
    );
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
