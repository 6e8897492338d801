import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Who is told about events, and what became of telling each. The outbox `event` stays as it is: its rows are the queue. */
export class Notifications1763701300000 implements MigrationInterface {
  readonly name = 'Notifications1763701300000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table notification_subscription (
        store_id uuid not null constraint fk_notification_subscription_store references store (id),
        id uuid not null,
        kind text not null constraint ck_notification_subscription_kind check (kind in ('webhook', 'mail')),
        name text collate "C" not null,
        description text not null,
        event_types text[] not null,
        is_enabled boolean not null default true,
        disabled_reason text,
        failing_since timestamptz(3),
        url text,
        ca_certificate text,
        secret bytea,
        previous_secret bytea,
        previous_secret_until timestamptz(3),
        address text,
        revision integer not null default 1,
        created_at timestamptz(3) not null default now(),
        updated_at timestamptz(3) not null default now(),
        constraint pk_notification_subscription primary key (store_id, id)
      )`);
    await db.query(
      `create unique index uq_notification_subscription_name on notification_subscription (store_id, kind, name)`,
    );
    await db.query(`
      create table notification_delivery (
        store_id uuid not null,
        id uuid not null,
        subscription_id uuid not null,
        event_id uuid not null,
        type text not null,
        subject_id uuid,
        facts jsonb not null,
        occurred_at timestamptz(3) not null,
        state text not null default 'pending'
          constraint ck_notification_delivery_state check (state in ('pending', 'delivered', 'failed')),
        attempts integer not null default 0,
        next_attempt_at timestamptz(3) not null,
        claim uuid,
        leased_until timestamptz(3),
        status_code integer,
        error text,
        created_at timestamptz(3) not null,
        ended_at timestamptz(3),
        constraint pk_notification_delivery primary key (store_id, id),
        constraint fk_notification_delivery_subscription foreign key (store_id, subscription_id)
          references notification_subscription (store_id, id) on delete cascade
      )`);
    await db.query(
      `create unique index uq_notification_delivery_event on notification_delivery (subscription_id, event_id)`,
    );
    await db.query(`
      create index ix_notification_delivery_due on notification_delivery (subscription_id, next_attempt_at)
        where state = 'pending'`);
    await db.query(`create index ix_notification_delivery_list on notification_delivery (subscription_id, id)`);
    await db.query(`create index ix_notification_delivery_age on notification_delivery (created_at)`);
    await db.query(`
      create table secret_reminder (
        store_id uuid not null,
        secret_id uuid not null,
        type text not null,
        due_at timestamptz(3) not null,
        constraint pk_secret_reminder primary key (store_id, secret_id, type),
        constraint fk_secret_reminder_secret foreign key (store_id, secret_id) references secret (store_id, id)
          on delete cascade
      )`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
