import { Query, type Submittable } from 'pg';

/** What pg's own query does on its connection (pg/lib/query.js), as far as it is changed here. */
type ProtocolQuery = Submittable & { name: string; readonly portal: string };
type ProtocolConnection = { execute(portal: { portal: string }): void; flush(): void; sync(): void };

const PgQuery = Query as unknown as new (text: string, values: readonly unknown[]) => ProtocolQuery;

/** A row as PostgreSQL sends it: the text of each column, in the order of the select list. */
export type TextRow = readonly (string | null)[];

/**
 * A query outside a transaction whose rows can be looked at while its commit is still being made durable. A Flush between
 * Execute and Sync makes PostgreSQL send the rows before it commits (protocol flow, extended query); pg sends Sync alone, and
 * the rows wait for the disk. The query itself ends when it is committed, as ever, and without a result: to make objects of
 * rows, pg needs longer than to receive them.
 */
export class EarlyQuery extends PgQuery {
  readonly #rows: TextRow[] = [];

  /** @param onRows must not throw, and keep what it makes of the rows until the query has ended well */
  constructor(
    { name, text }: { readonly name: string; readonly text: string },
    values: readonly unknown[],
    private readonly onRows: (rows: readonly TextRow[]) => void,
  ) {
    super(text, values);
    this.name = name;
  }

  // What follows overrides methods of pg's query.

  _getRows(connection: ProtocolConnection): void {
    connection.execute({ portal: this.portal });
    connection.flush();
    connection.sync();
  }

  handleRowDescription(): void {
    // The text of a row says enough.
  }

  handleDataRow({ fields }: { readonly fields: TextRow }): void {
    this.#rows.push(fields);
  }

  handleCommandComplete(): void {
    this.onRows(this.#rows);
  }
}
