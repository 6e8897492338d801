import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Secrets, their versions, the changes made to them, their targets, and the outbox of events.
 *
 * Primary keys come after the other indexes of their table: of two indexes that look equally good PostgreSQL takes the
 * younger one, and as long as a table is small or was never analysed, every index that begins with the store looks as
 * good as the key. A plan made then is kept, by prepared statements and by the checks of foreign keys.
 */
export class Secrets1763700400000 implements MigrationInterface {
  readonly name = 'Secrets1763700400000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table change (
        store_id uuid not null constraint fk_change_store references store (id),
        id uuid not null,
        kind text not null,
        state text not null,
        secret_id uuid,
        requested_by jsonb not null,
        reason text,
        base_version integer,
        parameters jsonb not null default '{}',
        payload bytea,
        result jsonb,
        error_code text,
        error_message text,
        attempts integer not null default 0,
        lease_until timestamptz(3),
        lease_owner text,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        ended_at timestamptz(3)
      )`);
    await db.query(`create unique index uq_change_executing on change (secret_id) where state = 'executing'`);
    await db.query(`create index ix_change_secret on change (store_id, secret_id, id)`);
    await db.query(`create index ix_change_open on change (lease_until) where state = 'executing'`);
    await db.query(`create index ix_change_payload on change (updated_at) where state = 'failed'`);
    await db.query(`alter table change add constraint pk_change primary key (store_id, id)`);
    await db.query(`
      create table secret (
        store_id uuid not null,
        id uuid not null,
        name text collate "C" not null,
        type text not null,
        state text not null,
        is_disabled boolean not null default false,
        source_profile_id uuid not null,
        physical_name text not null,
        description text not null default '',
        owner text,
        labels jsonb not null default '{}',
        current_version integer not null default 0,
        current_fingerprint text,
        current_backend_version text,
        facts jsonb not null default '{}',
        expires_at timestamptz(3),
        rotation_interval_seconds integer,
        rotated_at timestamptz(3),
        rotation_due_at timestamptz(3),
        drift jsonb,
        next_verify_at timestamptz(3),
        verified_at timestamptz(3),
        revision integer not null default 1,
        created_by jsonb not null,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        deleted_at timestamptz(3),
        constraint fk_secret_source_profile foreign key (store_id, source_profile_id) references vault_profile (store_id, id)
      )`);
    await db.query(
      `create unique index uq_secret_name on secret (store_id, source_profile_id, name) where state <> 'deleted'`,
    );
    await db.query(`create index ix_secret_list on secret (store_id, name, id)`);
    await db.query(
      `create index ix_secret_verify on secret (next_verify_at) where state = 'active' and not is_disabled`,
    );
    await db.query(`create index ix_secret_expires on secret (store_id, expires_at) where expires_at is not null`);
    await db.query(`alter table secret add constraint pk_secret primary key (store_id, id)`);
    await db.query(`
      create table secret_version (
        store_id uuid not null,
        secret_id uuid not null,
        number integer not null,
        revision integer not null default 1,
        fingerprint text not null,
        profile_id uuid not null,
        backend_version text,
        origin text not null,
        change_id uuid not null,
        reason text,
        created_by jsonb not null,
        created_at timestamptz(3) not null default now(),
        deleted_at timestamptz(3),
        destroyed_at timestamptz(3),
        pruned_at timestamptz(3),
        constraint pk_secret_version primary key (store_id, secret_id, number, revision),
        constraint fk_secret_version_secret foreign key (store_id, secret_id) references secret (store_id, id)
      )`);
    await db.query(`
      create table sync_target (
        store_id uuid not null,
        secret_id uuid not null,
        profile_id uuid not null,
        physical_name text not null,
        on_conflict text not null default 'fail',
        desired_version integer not null,
        desired_fingerprint text not null,
        desired_presence text not null,
        observed_version integer,
        observed_fingerprint text,
        observed_presence text not null default 'unknown',
        observed_backend_version text,
        ownership text not null default 'none',
        generation bigint not null default 1,
        status text not null default 'pending',
        error_code text,
        error_cause text,
        error_action text,
        attempts integer not null default 0,
        next_attempt_at timestamptz(3),
        priority integer not null default 1,
        lease_until timestamptz(3),
        lease_owner text,
        unsettled_until timestamptz(3),
        drift jsonb,
        overwritten jsonb,
        is_look_due boolean not null default false,
        is_repair_requested boolean not null default false,
        verified_epoch text not null,
        verified_at timestamptz(3),
        verified_how text not null default 'none',
        next_verify_at timestamptz(3),
        synced_at timestamptz(3),
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        constraint fk_sync_target_secret foreign key (store_id, secret_id) references secret (store_id, id),
        constraint fk_sync_target_profile foreign key (store_id, profile_id) references vault_profile (store_id, id)
      )`);
    await db.query(`create index ix_sync_target_profile on sync_target (store_id, profile_id)`);
    await db.query(
      `create index ix_sync_target_due on sync_target (next_attempt_at) where next_attempt_at is not null`,
    );
    await db.query(
      `create index ix_sync_target_verify on sync_target (next_verify_at) where next_verify_at is not null`,
    );
    await db.query(
      `alter table sync_target add constraint pk_sync_target primary key (store_id, secret_id, profile_id)`,
    );
    await db.query(`
      create table database_epoch (
        id integer constraint pk_database_epoch primary key check (id = 1),
        system_identifier text not null,
        accepted_at timestamptz(3) not null default now()
      )`);
    await db.query(`
      create table event (
        store_id uuid not null constraint fk_event_store references store (id),
        id uuid not null,
        type text not null,
        subject_id uuid,
        facts jsonb not null default '{}',
        created_at timestamptz(3) not null default now(),
        constraint pk_event primary key (store_id, id)
      )`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
