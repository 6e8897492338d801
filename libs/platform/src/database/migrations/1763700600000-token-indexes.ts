import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The primary key of tokens becomes the only index of theirs that begins with the store. While the table was never
 * analysed, every such index looks as good as the right one, and look-ups by id or hash went through all tokens of the
 * store, with a plan that prepared statements keep.
 */
export class TokenIndexes1763700600000 implements MigrationInterface {
  readonly name = 'TokenIndexes1763700600000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`drop index uq_token_hash, uq_token_accessor, ix_token_parent`);
    await db.query(`create index ix_token_parent on token (parent_id, store_id)`);
    await db.query(`create unique index uq_token_accessor on token (accessor, store_id)`);
    await db.query(`create unique index uq_token_hash on token (hash, store_id)`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
