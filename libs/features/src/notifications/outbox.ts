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
}
