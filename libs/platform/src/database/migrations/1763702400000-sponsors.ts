import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which user stands behind a token or a credential that is nobody's in particular, and so behind what is asked for with it. */
export class Sponsors1763702400000 implements MigrationInterface {
  readonly name = 'Sponsors1763702400000';

  async up(db: QueryRunner): Promise<void> {
    for (const table of ['token', 'client_credential', 'approval'])
      await db.query(`alter table ${table} add column sponsor_id uuid`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
