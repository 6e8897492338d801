import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Issuers whose tokens log people in, whom they stand for, and which memberships come from them. */
export class LoginIssuers1763701000000 implements MigrationInterface {
  readonly name = 'LoginIssuers1763701000000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table login_issuer (
        store_id uuid not null constraint fk_login_issuer_store references store (id),
        id uuid not null,
        name text collate "C" not null,
        issuer text not null,
        audiences text[] not null,
        algorithms text[] not null,
        jwks_url text,
        ca_certificate text,
        bound_claims jsonb not null,
        subject_claim text not null,
        name_claim text not null,
        display_name_claim text,
        groups_claim text,
        kind text not null constraint ck_login_issuer_kind check (kind in ('user', 'service-account')),
        provisions boolean not null,
        token_ttl_seconds integer,
        leeway_seconds integer not null,
        max_lifetime_seconds integer not null,
        is_disabled boolean not null default false,
        revision integer not null default 1,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        constraint pk_login_issuer primary key (store_id, id)
      )`);
    await db.query(`create unique index uq_login_issuer_name on login_issuer (store_id, name)`);
    await db.query(`
      create table login_issuer_group (
        store_id uuid not null,
        issuer_id uuid not null,
        claim_value text not null,
        group_id uuid not null,
        constraint pk_login_issuer_group primary key (store_id, issuer_id, claim_value, group_id),
        constraint fk_login_issuer_group_issuer foreign key (store_id, issuer_id) references login_issuer (store_id, id)
          on delete cascade,
        constraint fk_login_issuer_group_group foreign key (store_id, group_id) references principal_group (store_id, id)
          on delete cascade
      )`);
    await db.query(`create index ix_login_issuer_group_group on login_issuer_group (group_id, store_id)`);
    await db.query(`
      create table login_identity (
        store_id uuid not null,
        issuer_id uuid not null,
        subject text not null,
        principal_id uuid not null,
        created_at timestamptz(3) not null default now(),
        constraint pk_login_identity primary key (store_id, issuer_id, subject),
        constraint fk_login_identity_issuer foreign key (store_id, issuer_id) references login_issuer (store_id, id)
          on delete cascade,
        constraint fk_login_identity_principal foreign key (store_id, principal_id) references principal (store_id, id)
          on delete cascade
      )`);
    await db.query(`create unique index uq_login_identity_principal on login_identity (store_id, principal_id)`);
    await db.query(`
      alter table group_member add column issuer_id uuid,
        add constraint fk_group_member_issuer foreign key (store_id, issuer_id) references login_issuer (store_id, id)
          on delete cascade`);
    // No reference: the tokens of an issuer that goes end before.
    await db.query(`alter table token add column login_issuer_id uuid`);
    await db.query(`create index ix_group_member_issuer on group_member (issuer_id, store_id)`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
