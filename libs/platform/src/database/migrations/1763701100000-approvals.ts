import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Approval profiles, what waits for approval, and who decided. */
export class Approvals1763701100000 implements MigrationInterface {
  readonly name = 'Approvals1763701100000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`alter table change add column digest text`);
    await db.query(`create index ix_change_approved on change (lease_until) where state = 'approved'`);
    await db.query(
      `create index ix_change_waiting on change (store_id, secret_id) where state in ('pending_approval', 'approved')`,
    );
    await db.query(`alter table vault_profile add column approval_profile text`);
    // A rejected one frees its name as a deleted one does.
    await db.query(`drop index uq_secret_name`);
    await db.query(`
      create unique index uq_secret_name on secret (store_id, source_profile_id, name)
        where state not in ('deleted', 'rejected')`);
    await db.query(`
      create table approval_profile (
        store_id uuid not null constraint fk_approval_profile_store references store (id),
        id uuid not null,
        name text collate "C" not null,
        version integer not null,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        deleted_at timestamptz(3),
        constraint pk_approval_profile primary key (store_id, id)
      )`);
    await db.query(
      `create unique index uq_approval_profile_name on approval_profile (store_id, name) where deleted_at is null`,
    );
    await db.query(`
      create table approval_profile_version (
        store_id uuid not null,
        profile_id uuid not null,
        version integer not null,
        description text not null,
        kinds text[] not null,
        condition jsonb,
        steps jsonb not null,
        created_by jsonb not null,
        created_at timestamptz(3) not null default now(),
        constraint pk_approval_profile_version primary key (store_id, profile_id, version),
        constraint fk_approval_profile_version_profile foreign key (store_id, profile_id)
          references approval_profile (store_id, id)
      )`);
    await db.query(`
      create table approval (
        store_id uuid not null,
        id uuid not null,
        profiles jsonb not null,
        vault_profiles uuid[] not null,
        steps jsonb not null,
        step integer not null default 0,
        open_users uuid[] not null,
        open_groups uuid[] not null,
        open_policies text[] not null,
        due_at timestamptz(3) not null,
        remind_at timestamptz(3),
        break_glass jsonb,
        reviewed jsonb,
        created_at timestamptz(3) not null default now(),
        closed_at timestamptz(3),
        constraint pk_approval primary key (store_id, id),
        constraint fk_approval_change foreign key (store_id, id) references change (store_id, id)
      )`);
    await db.query(`create index ix_approval_due on approval (store_id, due_at, id)`);
    await db.query(`create index ix_approval_open on approval (due_at) where closed_at is null`);
    await db.query(
      `create index ix_approval_unreviewed on approval (store_id) where break_glass is not null and reviewed is null`,
    );
    await db.query(`
      create table approval_vote (
        store_id uuid not null,
        approval_id uuid not null,
        voter_id uuid not null,
        represented_id uuid not null,
        voter_name text not null,
        represented_name text not null,
        step integer not null,
        decision text not null constraint ck_approval_vote_decision check (decision in ('approve', 'reject')),
        comment text not null,
        created_at timestamptz(3) not null default now(),
        constraint pk_approval_vote primary key (store_id, approval_id, voter_id),
        constraint uq_approval_vote_represented unique (store_id, approval_id, represented_id),
        constraint fk_approval_vote_approval foreign key (store_id, approval_id) references approval (store_id, id)
      )`);
    await db.query(`
      create table approval_comment (
        store_id uuid not null,
        id uuid not null,
        approval_id uuid not null,
        author jsonb not null,
        text text not null,
        created_at timestamptz(3) not null default now(),
        constraint pk_approval_comment primary key (store_id, id),
        constraint fk_approval_comment_approval foreign key (store_id, approval_id) references approval (store_id, id)
      )`);
    await db.query(`create index ix_approval_comment_approval on approval_comment (approval_id, store_id)`);
    await db.query(`
      create table approval_delegation (
        store_id uuid not null,
        id uuid not null,
        from_id uuid not null,
        to_id uuid not null,
        until timestamptz(3) not null,
        created_at timestamptz(3) not null default now(),
        constraint pk_approval_delegation primary key (store_id, id),
        constraint fk_approval_delegation_from foreign key (store_id, from_id) references principal (store_id, id)
          on delete cascade,
        constraint fk_approval_delegation_to foreign key (store_id, to_id) references principal (store_id, id)
          on delete cascade
      )`);
    await db.query(`create index ix_approval_delegation_from on approval_delegation (from_id, store_id)`);
    await db.query(`create index ix_approval_delegation_to on approval_delegation (to_id, store_id)`);
    await db.query(`
      create table read_grant (
        store_id uuid not null,
        change_id uuid not null,
        secret_id uuid not null,
        version integer not null,
        reader text not null,
        ends_at timestamptz(3) not null,
        used_at timestamptz(3),
        constraint pk_read_grant primary key (store_id, change_id),
        constraint fk_read_grant_change foreign key (store_id, change_id) references change (store_id, id)
          deferrable initially deferred
      )`);
    await db.query(`create index ix_read_grant_unused on read_grant (secret_id, reader) where used_at is null`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
