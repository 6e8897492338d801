import type { Clock } from '@claviger/kernel';
import type { Logger } from '@claviger/platform/telemetry';
import type { Pool } from 'pg';
import type { LabelDeclarations } from './metric-family.js';
import type { Gauge } from './metric-types.js';

/** A gauge that is read from the database. */
export type StateReading = {
  readonly gauge: Pick<Gauge<LabelDeclarations>, 'of' | 'clear'>;
  /** Gives `value` and a column for each label, a row for each time series. */
  readonly sql: string;
};

const EVERY_MS = 15_000;
/** A large installation is asked less often: never more than a tenth of the time is spent on it. */
const REST_FACTOR = 10;
const TIMEOUT_MS = 5_000;

export type StateReaderDependencies = {
  readonly pool: Pick<Pool, 'connect'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
  /** Whether this process is the one to tell it; of the others nobody hears about the state that all share. */
  readonly isTeller: () => Promise<boolean>;
};

/** Reads what stands in the database and belongs to no process: how many targets are in which state, and the like. */
export class StateReader {
  #nextAt = 0;
  #running: Promise<void> | undefined;
  #hasFailed = false;

  constructor(
    private readonly readings: readonly StateReading[],
    private readonly dependencies: StateReaderDependencies,
  ) {}

  /**
   * Reads everything anew, unless it was read less than 15 seconds ago. When it cannot be read nothing is told, rather than
   * something old. Never rejects.
   */
  refresh(): Promise<void> {
    if (this.dependencies.clock.now().getTime() < this.#nextAt) return Promise.resolve();
    this.#running ??= this.#refresh().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #refresh(): Promise<void> {
    const startedAt = this.dependencies.clock.now().getTime();
    try {
      const values = (await this.dependencies.isTeller()) ? await this.#read() : new Map<StateReading, never[]>();
      for (const reading of this.readings) tell(reading, values.get(reading) ?? []);
      this.#hasFailed = false;
    } catch (error) {
      for (const { gauge } of this.readings) gauge.clear();
      if (!this.#hasFailed) this.dependencies.logger.warn('metrics.unread', {}, error);
      this.#hasFailed = true;
    }
    const endedAt = this.dependencies.clock.now().getTime();
    this.#nextAt = endedAt + Math.max(EVERY_MS, (endedAt - startedAt) * REST_FACTOR);
  }

  async #read(): Promise<Map<StateReading, Row[]>> {
    const client = await this.dependencies.pool.connect();
    const values = new Map<StateReading, Row[]>();
    try {
      await client.query('begin read only');
      await client.query(`set local statement_timeout = ${TIMEOUT_MS}`);
      for (const reading of this.readings) values.set(reading, (await client.query<Row>(reading.sql)).rows);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
    return values;
  }
}

type Row = { readonly value: string | number; readonly [label: string]: unknown };

function tell({ gauge }: StateReading, rows: readonly Row[]): void {
  gauge.clear();
  for (const { value, ...labels } of rows) gauge.of(labels as Record<string, string>).set(Number(value));
}
