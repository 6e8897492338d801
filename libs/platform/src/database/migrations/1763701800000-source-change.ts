import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Under which name a version lies where it was managed, once its secret's source has another name for it. */
export class SourceChange1763701800000 implements MigrationInterface {
  readonly name = 'SourceChange1763701800000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`alter table secret_version add column physical_name text`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
