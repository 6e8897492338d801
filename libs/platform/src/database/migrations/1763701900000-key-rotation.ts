import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rotations of keys, and what each process knows of the keys that there are. */
export class KeyRotation1763701900000 implements MigrationInterface {
  readonly name = 'KeyRotation1763701900000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table key_generation (
        id integer not null constraint pk_key_generation primary key constraint ck_key_generation_one check (id = 1),
        generation bigint not null
      )`);
    await db.query(`insert into key_generation (id, generation) values (1, 1)`);
    // Null for a process of an older Claviger, which learns of no new keys.
    await db.query(`alter table process_heartbeat add column key_generation bigint, add column root_key_ids text[]`);
    await db.query(`
      create table key_rotation (
        store_id uuid not null constraint fk_key_rotation_store references store (id),
        id uuid not null,
        kind text not null constraint ck_key_rotation_kind check (kind in ('root', 'kek', 'data', 'fingerprint')),
        state text not null
          constraint ck_key_rotation_state check (state in ('adding', 'switching', 'renewing', 'settling', 'done')),
        from_key_id text,
        to_key_id text,
        key_generation bigint,
        position jsonb,
        total bigint not null default 0,
        done bigint not null default 0,
        failed bigint not null default 0,
        requested_by jsonb not null,
        created_at timestamptz(3) not null,
        updated_at timestamptz(3) not null,
        settles_at timestamptz(3),
        ended_at timestamptz(3),
        constraint pk_key_rotation primary key (store_id, id)
      )`);
    await db.query(`
      create unique index uq_key_rotation_under_way on key_rotation (store_id, kind)
        where state in ('adding', 'switching', 'renewing')`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
