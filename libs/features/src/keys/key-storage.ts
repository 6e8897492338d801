import type { RequestContext } from '@claviger/kernel';
import type { KeyStorage } from '@claviger/platform/crypto';
import type { Database } from '@claviger/platform/database';

/** The context's transaction as what keys are stored in. Rows are those of statements that begin with `select`. */
export function keyStorage(database: Database, tx: RequestContext): KeyStorage {
  return {
    query: async (text, values) => ({
      rows: (await database.manager(tx).query(text, values)) as Record<string, unknown>[],
    }),
  };
}
