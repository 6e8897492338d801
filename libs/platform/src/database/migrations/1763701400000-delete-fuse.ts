import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The fuse that stops deletions when there are suddenly many. */
export class DeleteFuse1763701400000 implements MigrationInterface {
  readonly name = 'DeleteFuse1763701400000';

  async up(db: QueryRunner): Promise<void> {
    await db.query(`
      create table delete_fuse (
        store_id uuid not null constraint fk_delete_fuse_store references store (id),
        lifted_until timestamptz(3) not null,
        lifted_by jsonb not null,
        reason text not null,
        constraint pk_delete_fuse primary key (store_id)
      )`);
    await db.query(`
      create index ix_change_deletes on change (store_id, updated_at)
        where kind in ('secret.delete', 'secret.sync-profile.remove')`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations go forward only.');
  }
}
