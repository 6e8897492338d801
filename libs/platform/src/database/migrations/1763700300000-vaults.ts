import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Vault instances, vault profiles, the places they reach, and the content of the built-in vault. */
export class Vaults1763700300000 implements MigrationInterface {
  readonly name = 'Vaults1763700300000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table vault_instance (
        store_id uuid not null constraint fk_vault_instance_store references store (id),
        id uuid not null,
        name text collate "C" not null,
        kind text not null,
        description text not null default '',
        config jsonb not null,
        credentials bytea,
        limits jsonb not null default '{}',
        server_identity text,
        revision integer not null default 1,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        deleted_at timestamptz(3),
        constraint pk_vault_instance primary key (store_id, id),
        constraint ck_vault_instance_credentials check ((credentials is null) = (deleted_at is not null))
      )`);
    await db.query(
      `create unique index uq_vault_instance_name on vault_instance (store_id, name) where deleted_at is null`,
    );
    await db.query(`
      create table vault_profile (
        store_id uuid not null,
        id uuid not null,
        name text collate "C" not null,
        description text not null default '',
        instance_id uuid not null,
        mount text not null,
        prefix text not null default '',
        flavour text not null default 'auto',
        name_template text not null default '{name}',
        default_owner text,
        default_labels jsonb not null default '{}',
        limits jsonb not null default '{}',
        repair text not null default 'report',
        is_enabled boolean not null default true,
        revision integer not null default 1,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        deleted_at timestamptz(3),
        constraint fk_vault_profile_instance foreign key (store_id, instance_id) references vault_instance (store_id, id)
      )`);
    await db.query(
      `create unique index uq_vault_profile_name on vault_profile (store_id, name) where deleted_at is null`,
    );
    await db.query(`create index ix_vault_profile_instance on vault_profile (store_id, instance_id)`);
    // After the other indexes: see the migration of the secrets.
    await db.query(`alter table vault_profile add constraint pk_vault_profile primary key (store_id, id)`);
    await db.query(`
      create table backend_place (
        id uuid constraint pk_backend_place primary key,
        store_id uuid not null,
        server_identity text not null,
        physical_name text not null,
        profile_id uuid not null,
        secret_id uuid not null,
        created_at timestamptz(3) not null default now(),
        constraint fk_backend_place_profile foreign key (store_id, profile_id) references vault_profile (store_id, id),
        constraint uq_backend_place unique (server_identity, physical_name)
      )`);
    await db.query(`create index ix_backend_place_secret on backend_place (store_id, secret_id)`);
    await db.query(`create index ix_backend_place_profile on backend_place (store_id, profile_id)`);
    await db.query(`
      create table builtin_object (
        store_id uuid not null constraint fk_builtin_object_store references store (id),
        mount text not null,
        name text collate "C" not null,
        current_version integer not null default 0,
        metadata jsonb not null default '{}',
        created_at timestamptz(3) not null default now(),
        constraint pk_builtin_object primary key (store_id, mount, name)
      )`);
    await db.query(`
      create table builtin_version (
        store_id uuid not null,
        mount text not null,
        name text collate "C" not null,
        version integer not null,
        content_id uuid not null,
        content bytea,
        created_at timestamptz(3) not null default now(),
        deleted_at timestamptz(3),
        destroyed_at timestamptz(3),
        constraint pk_builtin_version primary key (store_id, mount, name, version),
        constraint fk_builtin_version_object foreign key (store_id, mount, name)
          references builtin_object (store_id, mount, name) on delete cascade
      )`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
