import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tokens, policies, and the number that tells all processes that one of them was taken back or changed. */
export class Access1763700500000 implements MigrationInterface {
  readonly name = 'Access1763700500000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table policy (
        store_id uuid not null constraint fk_policy_store references store (id),
        id uuid not null,
        name text collate "C" not null,
        description text not null default '',
        text text not null,
        revision integer not null default 1,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        constraint pk_policy primary key (store_id, id)
      )`);
    await db.query(`create unique index uq_policy_name on policy (store_id, name)`);
    // The cascade is what takes back a whole tree: it also reaches children that are being made at the same time.
    await db.query(`
      create table token (
        store_id uuid not null constraint fk_token_store references store (id),
        id uuid not null,
        hash bytea not null,
        hash_key_id text not null,
        accessor text collate "C" not null,
        parent_id uuid,
        ancestors uuid[] not null default '{}',
        display_name text not null,
        policies text[] not null,
        is_renewable boolean not null,
        ttl_seconds integer,
        max_ttl_seconds integer,
        expires_at timestamptz(3),
        max_uses integer,
        uses_left integer constraint ck_token_uses_left check (uses_left >= 0),
        created_at timestamptz(3) not null,
        renewed_at timestamptz(3),
        last_used_at timestamptz(3),
        last_used_address text,
        constraint pk_token primary key (store_id, id),
        constraint fk_token_parent foreign key (store_id, parent_id) references token (store_id, id) on delete cascade,
        constraint ck_token_parent check ((parent_id is null) = (cardinality(ancestors) = 0)),
        constraint ck_token_uses check ((max_uses is null) = (uses_left is null)),
        constraint ck_token_expiry check ((ttl_seconds is null) = (expires_at is null))
      )`);
    await db.query(`create unique index uq_token_hash on token (store_id, hash)`);
    await db.query(`create unique index uq_token_accessor on token (store_id, accessor)`);
    await db.query(`create index ix_token_parent on token (store_id, parent_id)`);
    await db.query(`create index ix_token_expiry on token (expires_at)`);
    await db.query(`create table access_epoch (epoch bigint not null)`);
    await db.query(`create unique index uq_access_epoch on access_epoch ((true))`);
    await db.query(`insert into access_epoch (epoch) values (1)`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
