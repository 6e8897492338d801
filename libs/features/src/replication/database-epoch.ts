import { Injectable, type OnModuleInit } from '@nestjs/common';
import { newId, systemContext, type RequestContext } from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { Logger } from '@claviger/platform/telemetry';
import { notPaused } from './replication.errors.js';
import { TargetRepository } from './target.repository.js';

/**
 * The restore guard: tells by PostgreSQL's own identity whether this database is still the one that wrote to the
 * vaults. Another system identifier (a restored dump, a clone) stops all replication until an operator accepts it. Another
 * timeline (a failover, a point-in-time recovery) makes each target look before its next write. Both are judged by the
 * statement that claims targets, so that not even the first write after a failover slips through.
 */
@Injectable()
export class DatabaseEpochs implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly targets: TargetRepository,
    private readonly keyring: Keyring,
    private readonly logger: Logger,
  ) {}

  /** Recognises the database that replication was set up with; remembers it on the very first start. */
  async onModuleInit(): Promise<void> {
    const { rootStoreId: storeId } = this.keyring;
    const ctx = systemContext({ requestId: newId(), storeId, job: 'replication.restore-guard' });
    await this.database.manager(ctx).query(
      `insert into database_epoch (id, system_identifier)
       select 1, system_identifier::text from pg_control_system() on conflict (id) do nothing`,
    );
    if (!(await this.isPaused(ctx))) return;
    this.logger.warn('replication.paused_restored_database');
    await this.targets.markPaused(ctx);
  }

  /** True while everything is paused because the database is another one. */
  async isPaused(ctx: RequestContext): Promise<boolean> {
    const [row] = (await this.database
      .manager(ctx)
      .query(
        'select system_identifier <> (select system_identifier::text from pg_control_system()) as paused from database_epoch',
      )) as { paused: boolean }[];
    return row?.paused ?? false;
  }

  /** Lets replication go on with this database; every target looks before it writes. In a transaction. */
  async accept(tx: RequestContext): Promise<void> {
    const [, count] = (await this.database.manager(tx).query(
      `update database_epoch set system_identifier = s.system_identifier::text, accepted_at = now()
       from pg_control_system() s where database_epoch.system_identifier <> s.system_identifier::text`,
    )) as [unknown, number];
    if (count === 0) throw notPaused();
    await this.targets.unmarkPaused(tx);
  }
}
