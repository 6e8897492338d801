import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where the request of a change stands in its trace, so that whoever goes on with it later goes on with that trace. */
export class ChangeTrace1763702300000 implements MigrationInterface {
  readonly name = 'ChangeTrace1763702300000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`alter table change add column traceparent text`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
