import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AppError, newId, systemContext, type RequestContext } from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { Logger } from '@claviger/platform/telemetry';
import { TargetRepository } from './target.repository.js';

type Epoch = { readonly systemIdentifier: string; readonly timeline: number };

/**
 * The restore guard: tells by PostgreSQL's own identity whether this database is still the one that wrote to the
 * vaults. Another system identifier (a restored dump, a clone) pauses every target until an operator accepts it. Another
 * timeline (a failover, a point-in-time recovery) makes each target look before its next write.
 */
@Injectable()
export class DatabaseEpochs implements OnModuleInit {
  #current: string | undefined;

  constructor(
    private readonly database: Database,
    private readonly targets: TargetRepository,
    private readonly keyring: Keyring,
    private readonly logger: Logger,
  ) {}

  async onModuleInit(): Promise<void> {
    const ctx = systemContext({
      requestId: newId(),
      storeId: this.keyring.rootStoreId,
      job: 'replication.restore-guard',
    });
    const found = await this.#read(ctx);
    this.#current = text(found);
    await this.database.transaction(ctx, async (tx) => {
      const known = await this.#known(tx);
      if (known && known.systemIdentifier !== found.systemIdentifier) {
        this.logger.warn('replication.paused_restored_database');
        await this.targets.setAllPaused(tx, true);
        return;
      }
      await this.#store(tx, found);
    });
  }

  /** Names the database's present life; changes with a failover or a restore. */
  current(): Promise<string> {
    if (this.#current === undefined) throw new Error('The epoch is read when the module starts.');
    return Promise.resolve(this.#current);
  }

  /** True while everything is paused because the database is another one. */
  async isPaused(ctx: RequestContext): Promise<boolean> {
    const known = await this.#known(ctx);
    return known !== undefined && known.systemIdentifier !== (await this.#read(ctx)).systemIdentifier;
  }

  /** Lets replication go on with this database; every target looks before it writes. In a transaction. */
  async accept(tx: RequestContext): Promise<void> {
    if (!(await this.isPaused(tx)))
      throw new AppError({
        code: 'NOT_PAUSED',
        kind: 'conflict',
        message: 'Replication is not paused by a restored database.',
      });
    await this.#store(tx, await this.#read(tx));
    await this.targets.setAllPaused(tx, false);
  }

  async #read(ctx: RequestContext): Promise<Epoch> {
    const [row] = (await this.database.manager(ctx).query(
      `select system_identifier::text as "systemIdentifier", timeline_id as timeline
       from pg_control_system(), pg_control_checkpoint()`,
    )) as Epoch[];
    return row!;
  }

  async #known(ctx: RequestContext): Promise<Epoch | undefined> {
    const [row] = (await this.database
      .manager(ctx)
      .query('select system_identifier as "systemIdentifier", timeline from database_epoch')) as Epoch[];
    return row;
  }

  async #store(ctx: RequestContext, epoch: Epoch): Promise<void> {
    await this.database.manager(ctx).query(
      `insert into database_epoch (id, system_identifier, timeline) values (1, $1, $2)
       on conflict (id) do update set system_identifier = $1, timeline = $2, accepted_at = now()
       where database_epoch.system_identifier <> $1 or database_epoch.timeline <> $2`,
      [epoch.systemIdentifier, epoch.timeline],
    );
  }
}

const text = (epoch: Epoch): string => `${epoch.systemIdentifier}/${epoch.timeline}`;
