import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What each write inserts is not checked against its store any more: no store is ever removed (ADR 48). */
export class HotRowsOfStores1763702500000 implements MigrationInterface {
  readonly name = 'HotRowsOfStores1763702500000';

  async up(db: QueryRunner): Promise<void> {
    for (const table of ['change', 'event']) await db.query(`alter table ${table} drop constraint fk_${table}_store`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
