import { Query, type QueryConfig, type Submittable } from 'pg';

/** What pg's own query does on its connection (pg/lib/query.js), as far as it is changed here. */
type ProtocolQuery = Submittable & {
  readonly portal: string;
  readonly _result: { readonly rows: unknown[] };
  handleCommandComplete(message: unknown, connection: ProtocolConnection): void;
};
type ProtocolConnection = { execute(portal: { portal: string }): void; flush(): void; sync(): void };

const PgQuery = Query as unknown as new (config: QueryConfig) => ProtocolQuery;

/**
 * A query outside a transaction whose rows can be looked at while its commit is still being made durable. A Flush between
 * Execute and Sync makes PostgreSQL send the rows before it commits (protocol flow, extended query); pg sends Sync alone, and
 * the rows wait for the disk. The query itself ends when it is committed, as ever.
 */
export class EarlyQuery extends PgQuery {
  /** @param onRows must not throw, and keep what it makes of the rows until the query has ended well */
  constructor(
    config: QueryConfig,
    private readonly onRows: (rows: readonly never[]) => void,
  ) {
    super(config);
  }

  /** Overrides a method of pg's query. */
  _getRows(connection: ProtocolConnection): void {
    connection.execute({ portal: this.portal });
    connection.flush();
    connection.sync();
  }

  override handleCommandComplete(message: unknown, connection: ProtocolConnection): void {
    super.handleCommandComplete(message, connection);
    this.onRows(this._result.rows as never[]);
  }
}
