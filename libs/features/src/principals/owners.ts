import type { RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';

/** Says who can own something: users, service accounts and groups, by their names. */
@Injectable()
export class Owners {
  constructor(private readonly database: Database) {}

  /** Whether there is a user, service account or group of this name. */
  async exists(ctx: RequestContext, name: string): Promise<boolean> {
    const [row] = (await this.database.manager(ctx).query(
      `select exists (select from principal where store_id = $1 and name = $2)
         or exists (select from principal_group where store_id = $1 and name = $2) as "exists"`,
      [ctx.storeId, name],
    )) as [{ exists: boolean }];
    return row.exists;
  }
}
