import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Stores (tenants) and the wrapped keys that everything else is sealed under. */
export class Keys1763700000000 implements MigrationInterface {
  readonly name = 'Keys1763700000000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table store (
        id uuid primary key,
        name text not null constraint uq_store_name unique,
        created_at timestamptz(3) not null default now()
      )`);
    await db.query(`
      create table key_encryption_key (
        id text primary key,
        root_key_id text not null,
        wrapped bytea not null,
        created_at timestamptz(3) not null default now()
      )`);
    await db.query(`
      create table store_key (
        id text primary key,
        store_id uuid not null constraint fk_store_key_store references store (id),
        purpose text not null,
        kek_id text not null constraint fk_store_key_kek references key_encryption_key (id),
        wrapped bytea not null,
        is_active boolean not null,
        created_at timestamptz(3) not null default now()
      )`);
    await db.query(`create unique index uq_store_key_active on store_key (store_id, purpose) where is_active`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
