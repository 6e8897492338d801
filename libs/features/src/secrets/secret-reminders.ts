import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, newId, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';

const BATCH = 500;
/** How long before its end a secret is told to be expiring. */
export const EXPIRING_MS = 7 * 86_400_000;

/**
 * One row a secret and kind of date is the memory of what was told: the date. A secret whose date has moved is told
 * of again when the new one comes.
 */
const REMIND = `
  with due as (
    select id, name, 'secret.expiring' as type, expires_at as at from secret
    where store_id = $1 and state = 'active' and expires_at <= $2
    union all
    select id, name, 'secret.expired', expires_at from secret
    where store_id = $1 and state = 'active' and expires_at <= $3
    union all
    select id, name, 'secret.rotation-due', rotation_due_at from secret
    where store_id = $1 and state = 'active' and rotation_due_at <= $3
  ), new as (
    select d.*, row_number() over () as n from due d
    where not exists (
      select 1 from secret_reminder r
      where r.store_id = $1 and r.secret_id = d.id and r.type = d.type and r.due_at = d.at)
    limit $4
  ), noted as (
    insert into secret_reminder (store_id, secret_id, type, due_at) select $1, id, type, at from new
    on conflict (store_id, secret_id, type) do update set due_at = excluded.due_at
      where secret_reminder.due_at <> excluded.due_at
    returning secret_id, type
  ), told as (
    insert into event (store_id, id, type, subject_id, facts)
    select $1, ($5::uuid[])[n], type, id, jsonb_build_object('name', name, 'dueAt', at)
    from new join noted using (type) where noted.secret_id = new.id returning 1
  )
  select count(*)::int as count from told`;

/** Tells once that a secret is about to expire, that it has, and that it is due to be rotated. */
@Injectable()
export class SecretReminders {
  constructor(
    private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Tells of at most 500 dates that have come and that nobody was told of; returns of how many. */
  async run(ctx: RequestContext): Promise<number> {
    const now = this.clock.now();
    const until = new Date(now.getTime() + EXPIRING_MS);
    const ids = Array.from({ length: BATCH }, () => newId());
    return this.database.transaction(ctx, async (tx) => {
      // One sweep at a time: two at once would both find a date untold.
      await this.database.manager(tx).query(`select pg_advisory_xact_lock(hashtext('secret_reminder'))`);
      const values = [tx.storeId, until, now, BATCH, ids];
      const [told] = (await this.database.manager(tx).query(REMIND, values)) as [{ count: number }];
      return told.count;
    });
  }
}
