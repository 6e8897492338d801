import { Injectable } from '@nestjs/common';
import { newId, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';

export type SecretEventType =
  'secret.created' | 'secret.updated' | 'secret.deleted' | 'secret.drifted' | 'secret.drift-resolved';

/** Writes what others may want to hear about to the outbox, in the transaction that made it true. */
@Injectable()
export class SecretEvents {
  constructor(private readonly database: Database) {}

  async add(
    tx: RequestContext,
    type: SecretEventType,
    secretId: string,
    facts: Record<string, unknown> = {},
  ): Promise<void> {
    await this.database
      .manager(tx)
      .query(`insert into event (store_id, id, type, subject_id, facts) values ($1, $2, $3, $4, $5)`, [
        tx.storeId,
        newId(),
        type,
        secretId,
        JSON.stringify(facts),
      ]);
  }
}
