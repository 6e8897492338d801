import { Injectable } from '@nestjs/common';
import { newId, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import type { EventType } from './event-types.js';

/** Writes what others may want to hear about, in the transaction that made it true. */
@Injectable()
export class Outbox {
  constructor(private readonly database: Database) {}

  /** `facts` are ids, names and numbers; never a value. */
  async add(
    tx: RequestContext,
    type: EventType,
    subjectId: string,
    facts: Readonly<Record<string, unknown>> = {},
  ): Promise<void> {
    const sql = `insert into event (store_id, id, type, subject_id, facts) values ($1, $2, $3, $4, $5)`;
    await this.database.manager(tx).query(sql, [tx.storeId, newId(), type, subjectId, JSON.stringify(facts)]);
  }

  /** The same of many at once. */
  async addMany(tx: RequestContext, events: readonly NewEvent[]): Promise<void> {
    if (events.length === 0) return;
    await this.database.manager(tx).query(
      `insert into event (store_id, id, type, subject_id, facts)
       select $1, * from unnest($2::uuid[], $3::text[], $4::uuid[], $5::jsonb[])`,
      [
        tx.storeId,
        events.map(() => newId()),
        events.map(({ type }) => type),
        events.map(({ subjectId }) => subjectId),
        events.map(({ facts }) => JSON.stringify(facts)),
      ],
    );
  }
}

export type NewEvent = {
  readonly type: EventType;
  readonly subjectId: string;
  readonly facts: Readonly<Record<string, unknown>>;
};
