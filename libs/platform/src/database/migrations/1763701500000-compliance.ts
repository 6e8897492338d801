import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Compliance profiles, what is known of secrets over time, and what rules find in it. */
export class Compliance1763701500000 implements MigrationInterface {
  readonly name = 'Compliance1763701500000';

  async up(db: QueryRunner): Promise<void> {
    await this.#profiles(db);
    await this.#records(db);
    await this.#waivers(db);
    // Whatever is there already is looked at first.
    await db.query(`
      insert into compliance_state (store_id, secret_id, due_at)
        select store_id, id, now() from secret where state in ('active', 'deleting')`);
  }

  async #profiles(db: QueryRunner): Promise<void> {
    await db.query(`
      create table compliance_profile (
        store_id uuid not null constraint fk_compliance_profile_store references store (id),
        id uuid not null,
        name text collate "C" not null,
        version integer not null,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        deleted_at timestamptz(3),
        constraint pk_compliance_profile primary key (store_id, id)
      )`);
    await db.query(
      `create unique index uq_compliance_profile_name on compliance_profile (store_id, name) where deleted_at is null`,
    );
    await db.query(`
      create table compliance_profile_version (
        store_id uuid not null,
        profile_id uuid not null,
        version integer not null,
        description text not null,
        rules jsonb not null,
        vault_profiles uuid[] not null,
        label_selectors jsonb not null,
        created_by jsonb not null,
        created_at timestamptz(3) not null default now(),
        constraint pk_compliance_profile_version primary key (store_id, profile_id, version),
        constraint fk_compliance_profile_version_profile foreign key (store_id, profile_id)
          references compliance_profile (store_id, id)
      )`);
  }

  async #records(db: QueryRunner): Promise<void> {
    // Without a foreign key: it would lock the secret, in another order than writes of content do, and they would deadlock.
    await db.query(`
      create table compliance_state (
        store_id uuid not null,
        secret_id uuid not null,
        due_at timestamptz(3) not null,
        evaluated_at timestamptz(3),
        fingerprint text,
        constraint pk_compliance_state primary key (store_id, secret_id)
      )`);
    await db.query(`create index ix_compliance_state_due on compliance_state (store_id, due_at)`);
    await db.query(`
      create index ix_compliance_state_fingerprint on compliance_state (store_id, fingerprint)
        where fingerprint is not null`);
    await db.query(`
      create table compliance_snapshot (
        store_id uuid not null,
        id uuid not null,
        secret_id uuid not null,
        version integer not null,
        name text not null,
        type text not null,
        source_profile_id uuid not null,
        owner text,
        labels jsonb not null,
        state jsonb not null,
        from_at timestamptz(3) not null,
        to_at timestamptz(3),
        constraint pk_compliance_snapshot primary key (store_id, id)
      )`);
    await db.query(`
      create unique index uq_compliance_snapshot_open on compliance_snapshot (store_id, secret_id) where to_at is null`);
    await db.query(`create index ix_compliance_snapshot_secret on compliance_snapshot (store_id, secret_id, from_at)`);
    await db.query(`
      create table compliance_evaluation (
        store_id uuid not null,
        id uuid not null,
        secret_id uuid not null,
        version integer not null,
        profile_id uuid not null,
        profile_version integer not null,
        from_at timestamptz(3) not null,
        to_at timestamptz(3),
        constraint pk_compliance_evaluation primary key (store_id, id),
        constraint fk_compliance_evaluation_profile foreign key (store_id, profile_id, profile_version)
          references compliance_profile_version (store_id, profile_id, version)
      )`);
    await db.query(`
      create unique index uq_compliance_evaluation_open on compliance_evaluation (store_id, secret_id, profile_id)
        where to_at is null`);
    await db.query(
      `create index ix_compliance_evaluation_secret on compliance_evaluation (store_id, secret_id, from_at)`,
    );
    await db.query(`
      create table compliance_finding (
        store_id uuid not null,
        id uuid not null,
        secret_id uuid not null,
        version integer not null,
        profile_id uuid not null,
        profile_version integer not null,
        rule_id text not null,
        severity text not null,
        from_at timestamptz(3) not null,
        to_at timestamptz(3),
        constraint pk_compliance_finding primary key (store_id, id)
      )`);
    await db.query(`
      create unique index uq_compliance_finding_open on compliance_finding (store_id, secret_id, profile_id, rule_id)
        where to_at is null`);
    await db.query(`create index ix_compliance_finding_secret on compliance_finding (store_id, secret_id, from_at)`);
  }

  async #waivers(db: QueryRunner): Promise<void> {
    await db.query(`
      create table compliance_waiver (
        store_id uuid not null,
        id uuid not null,
        secret_id uuid not null,
        profile_id uuid not null,
        rule_id text not null,
        reason text not null,
        from_at timestamptz(3) not null,
        until_at timestamptz(3) not null,
        ended_at timestamptz(3),
        requested_by jsonb not null,
        ended_by jsonb,
        change_id uuid not null,
        told_at timestamptz(3),
        constraint pk_compliance_waiver primary key (store_id, id),
        constraint fk_compliance_waiver_profile foreign key (store_id, profile_id)
          references compliance_profile (store_id, id)
      )`);
    await db.query(
      `create index ix_compliance_waiver_secret on compliance_waiver (store_id, secret_id, profile_id, rule_id)`,
    );
    await db.query(`
      create index ix_compliance_waiver_until on compliance_waiver (store_id, until_at)
        where ended_at is null and told_at is null`);
    await db.query(`
      create table compliance_run (
        store_id uuid not null constraint fk_compliance_run_store references store (id),
        id uuid not null,
        kind text not null constraint ck_compliance_run_kind check (kind in ('evaluation', 'replay')),
        state text not null
          constraint ck_compliance_run_state check (state in ('waiting', 'running', 'done', 'failed')),
        scope jsonb not null,
        input jsonb not null,
        result jsonb not null,
        total integer not null,
        done integer not null,
        position text,
        error_code text,
        requested_by jsonb not null,
        created_at timestamptz(3) not null default now(),
        ended_at timestamptz(3),
        lease_until timestamptz(3),
        constraint pk_compliance_run primary key (store_id, id)
      )`);
    await db.query(`
      create index ix_compliance_run_open on compliance_run (store_id, created_at)
        where state in ('waiting', 'running')`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
