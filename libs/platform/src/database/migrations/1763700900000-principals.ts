import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Users, service accounts, groups, and whom a token belongs to. */
export class Principals1763700900000 implements MigrationInterface {
  readonly name = 'Principals1763700900000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table principal (
        store_id uuid not null constraint fk_principal_store references store (id),
        id uuid not null,
        kind text not null constraint ck_principal_kind check (kind in ('user', 'service-account')),
        name text collate "C" not null,
        display_name text not null,
        policies text[] not null,
        is_disabled boolean not null default false,
        token_ttl_seconds integer,
        password_hash text,
        failed_logins integer not null default 0,
        locked_until timestamptz(3),
        last_login_at timestamptz(3),
        revision integer not null default 1,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        constraint pk_principal primary key (store_id, id),
        constraint ck_principal_password check (password_hash is null or kind = 'user')
      )`);
    await db.query(`create unique index uq_principal_name on principal (store_id, name)`);
    await db.query(`
      create table principal_group (
        store_id uuid not null constraint fk_principal_group_store references store (id),
        id uuid not null,
        name text collate "C" not null,
        description text not null,
        policies text[] not null,
        revision integer not null default 1,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        constraint pk_principal_group primary key (store_id, id)
      )`);
    await db.query(`create unique index uq_principal_group_name on principal_group (store_id, name)`);
    await db.query(`
      create table group_member (
        store_id uuid not null,
        principal_id uuid not null,
        group_id uuid not null,
        created_at timestamptz(3) not null default now(),
        constraint fk_group_member_principal foreign key (store_id, principal_id) references principal (store_id, id)
          on delete cascade,
        constraint fk_group_member_group foreign key (store_id, group_id) references principal_group (store_id, id)
          on delete cascade
      )`);
    await db.query(`create index ix_group_member_group on group_member (group_id, store_id)`);
    await db.query(
      `alter table group_member add constraint pk_group_member primary key (store_id, principal_id, group_id)`,
    );
    await db.query(`
      create table client_credential (
        store_id uuid not null,
        id uuid not null,
        principal_id uuid not null,
        label text not null,
        hash bytea not null,
        hash_key_id text not null,
        expires_at timestamptz(3),
        last_used_at timestamptz(3),
        created_at timestamptz(3) not null default now(),
        constraint pk_client_credential primary key (store_id, id),
        constraint fk_client_credential_principal foreign key (store_id, principal_id)
          references principal (store_id, id) on delete cascade
      )`);
    await db.query(`create unique index uq_client_credential_hash on client_credential (hash, store_id)`);
    await db.query(`create index ix_client_credential_principal on client_credential (principal_id, store_id)`);
    await db.query(`
      alter table token add column principal_id uuid,
        add constraint fk_token_principal foreign key (store_id, principal_id) references principal (store_id, id)
          on delete cascade`);
    await db.query(`create index ix_token_principal on token (principal_id, store_id)`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
