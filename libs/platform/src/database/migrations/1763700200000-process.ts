import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The processes that share this database, so that each knows its part of a limit that all of them share. */
export class Process1763700200000 implements MigrationInterface {
  readonly name = 'Process1763700200000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table process_heartbeat (
        id uuid not null constraint pk_process_heartbeat primary key,
        kind text not null,
        version text not null,
        started_at timestamptz(3) not null default now(),
        seen_at timestamptz(3) not null default now()
      )`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
