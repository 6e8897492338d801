import type { RequestContext, Transaction } from '@claviger/kernel';
import type { PoolClient, Pool, QueryResult, QueryResultRow } from 'pg';
import { EarlyQuery, type TextRow } from './early-query.js';
import type { DataSource, EntityManager, EntityTarget, ObjectLiteral, QueryRunner, Repository } from 'typeorm';

/** A prepared statement of a hot path: named, so that PostgreSQL parses and plans it once a connection. */
export type NamedStatement = { readonly name: string; readonly text: string };

type AfterCommit = () => void;

class OpenTransaction implements Transaction {
  readonly isTransaction = true;
  readonly afterCommit: AfterCommit[] = [];

  constructor(readonly queryRunner: QueryRunner) {}
}

/**
 * The one way to PostgreSQL: repositories and named statements that use the transaction which the context carries, or
 * a connection of the pool when it carries none.
 */
export class Database {
  constructor(readonly dataSource: DataSource) {}

  /** TypeORM's manager for this context. */
  manager(ctx: RequestContext): EntityManager {
    return openTransaction(ctx)?.queryRunner.manager ?? this.dataSource.manager;
  }

  /** TypeORM's repository of an entity for this context. */
  repository<E extends ObjectLiteral>(ctx: RequestContext, entity: EntityTarget<E>): Repository<E> {
    return this.manager(ctx).getRepository(entity);
  }

  /**
   * Runs `work` in a transaction (READ COMMITTED): the one that the context carries, or a new one that commits when
   * `work` resolves and rolls back when it throws.
   */
  async transaction<T>(ctx: RequestContext, work: (ctx: RequestContext) => Promise<T>): Promise<T> {
    if (ctx.transaction) return work(ctx);
    const queryRunner = this.dataSource.createQueryRunner();
    try {
      await queryRunner.connect();
      await queryRunner.startTransaction();
      const transaction = new OpenTransaction(queryRunner);
      let result: T;
      try {
        result = await work({ ...ctx, transaction });
      } catch (error) {
        await queryRunner.rollbackTransaction().catch(() => undefined);
        throw error;
      }
      await queryRunner.commitTransaction();
      for (const run of transaction.afterCommit) run();
      return result;
    } finally {
      await queryRunner.release();
    }
  }

  /**
   * Runs `action` once the context's transaction has committed (never when it rolls back), or at once without one.
   * For wake-ups only: a crash in between loses the action.
   */
  afterCommit(ctx: RequestContext, action: AfterCommit): void {
    const transaction = openTransaction(ctx);
    if (transaction) transaction.afterCommit.push(action);
    else action();
  }

  /** Runs a named statement on the context's transaction or the pool. */
  async execute<R extends QueryResultRow>(
    ctx: RequestContext | undefined,
    statement: NamedStatement,
    values: readonly unknown[],
  ): Promise<QueryResult<R>> {
    const transaction = ctx && openTransaction(ctx);
    const client = transaction ? ((await transaction.queryRunner.connect()) as PoolClient) : this.pool;
    return client.query<R>({ name: statement.name, text: statement.text, values: values as unknown[] });
  }

  /**
   * Runs a named statement on the pool and resolves when it is committed. `onRows` gets the rows as soon as the statement has
   * run: time to work on them while the disk works, **not** to let anybody see them. It must not throw.
   */
  async executeEarly(
    statement: NamedStatement,
    values: readonly unknown[],
    onRows: (rows: readonly TextRow[]) => void,
  ): Promise<void> {
    const query = new EarlyQuery(statement, values, onRows);
    // A pool, unlike a client, makes a promise of any query; the types do not know.
    await (this.pool.query(query) as unknown as Promise<void>);
  }

  /** The pool below TypeORM, for what needs a connection of its own (LISTEN, advisory locks). */
  get pool(): Pool {
    return (this.dataSource.driver as unknown as { master: Pool }).master;
  }
}

function openTransaction(ctx: RequestContext): OpenTransaction | undefined {
  return ctx.transaction as OpenTransaction | undefined;
}
