import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Looks at what lies in vaults and belongs to no secret, to choose from what is adopted. */
export class Imports1763701710000 implements MigrationInterface {
  readonly name = 'Imports1763701710000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table vault_import (
        store_id uuid not null constraint fk_vault_import_store references store (id),
        id uuid not null,
        state text not null constraint ck_vault_import_state check (state in ('scanning', 'ready', 'failed')),
        vault_profile text not null,
        folder text not null,
        max_found integer not null,
        requested_by jsonb not null,
        token_id uuid not null,
        cursor text,
        found integer not null default 0,
        known integer not null default 0,
        hidden integer not null default 0,
        is_cut_off boolean not null default false,
        code text,
        message text,
        lease_owner text,
        lease_until timestamptz(3),
        expires_at timestamptz(3) not null,
        created_at timestamptz(3) not null default now(),
        scanned_at timestamptz(3),
        constraint pk_vault_import primary key (store_id, id)
      )`);
    await db.query(`create index ix_vault_import_requester on vault_import (store_id, (requested_by->>'id'), id)`);
    await db.query(`create index ix_vault_import_scanning on vault_import (store_id, id) where state = 'scanning'`);
    await db.query(`create index ix_vault_import_expiry on vault_import (store_id, expires_at)`);
    await db.query(`
      create table vault_import_item (
        store_id uuid not null,
        import_id uuid not null,
        number integer not null,
        physical_name text not null,
        name text,
        types jsonb not null default '[]',
        is_certain boolean not null default false,
        fingerprint text,
        code text,
        message text,
        plan_id uuid,
        constraint pk_vault_import_item primary key (store_id, import_id, number),
        constraint fk_vault_import_item_import foreign key (store_id, import_id)
          references vault_import (store_id, id) on delete cascade
      )`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
