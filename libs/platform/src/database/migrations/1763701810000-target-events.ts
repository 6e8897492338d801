import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was told of a target last, so that it is told once. */
export class TargetEvents1763701810000 implements MigrationInterface {
  readonly name = 'TargetEvents1763701810000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`alter table sync_target add column told text`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
