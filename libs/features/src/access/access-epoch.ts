import type { RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { Logger } from '@claviger/platform/telemetry';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { ACCESS_CHANNEL, BUMP_EPOCH, HOLD_EPOCH, READ_EPOCH } from './access.hot.js';

const CHECK_EVERY_MS = 500;
/** Within this time a revocation reaches every process: what was checked longer ago is not believed. */
export const TRUST_MS = 1_000;
const CHECK_WITHIN_MS = 2_000;
const RECONNECT_AFTER_MS = 250;

/**
 * Knows whether what this process remembers of tokens and policies still holds. One number in the database counts up
 * with every change that takes something away; this watches it over a connection of its own, told by NOTIFY and besides
 * asking twice a second.
 */
@Injectable()
export class AccessEpoch implements OnApplicationShutdown {
  readonly #flushes: (() => void)[] = [];
  #known: string | undefined;
  #generation = 0;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #isStopped = false;
  #isNotified = false;
  #isLost = false;
  #wake: (() => void) | undefined;
  #watching: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly logger: Logger,
  ) {}

  /** Counts the flushes: what was read under another generation may be out of date and must not be remembered. */
  get generation(): number {
    return this.#generation;
  }

  /** True when the number was asked for at most a second ago; else memory must not be believed. */
  isCurrent(): boolean {
    return performance.now() - this.#askedAtMs <= TRUST_MS;
  }

  /** Calls `flush` whenever what was remembered must be forgotten. */
  onFlush(flush: () => void): void {
    this.#flushes.push(flush);
  }

  /** Makes all processes forget, once the context's transaction has committed; this process at once then. */
  async bump(tx: RequestContext): Promise<void> {
    await this.database.execute(tx, BUMP_EPOCH, []);
    this.database.afterCommit(tx, () => this.#flush());
  }

  /** Keeps others from bumping, and from holding, until the transaction ends. */
  async hold(tx: RequestContext): Promise<void> {
    await this.database.execute(tx, HOLD_EPOCH, []);
  }

  /**
   * Starts watching, if that has not been done: processes that authenticate nobody need no connection for it. Until the
   * first answer, and soon after the connection is lost, {@link isCurrent} is false.
   */
  start(): void {
    this.#watching ??= this.#watch();
  }

  /** Ends the watching; from then on {@link isCurrent} is false. */
  async onApplicationShutdown(): Promise<void> {
    this.#isStopped = true;
    this.#wake?.();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    while (!this.#isStopped) {
      let client: PoolClient | undefined;
      try {
        client = await this.database.pool.connect();
        await this.#follow(client);
      } catch (error) {
        if (!this.#isStopped && !this.#isLost) this.logger.warn('access.epoch_lost', {}, error);
        this.#isLost = true;
      } finally {
        // Closed, not given back: it listens.
        client?.release(true);
      }
      if (!this.#isStopped) await this.#pause(RECONNECT_AFTER_MS);
    }
  }

  async #follow(client: PoolClient): Promise<void> {
    client.on('notification', () => this.#notify());
    // A lost connection also fails the next query; here it only ends the pause before it.
    client.on('error', () => this.#notify());
    await client.query(`listen ${ACCESS_CHANNEL}`);
    // Behind another connection there may be another server, whose number only looks the same.
    this.#known = undefined;
    while (!this.#isStopped) {
      const askedAtMs = performance.now();
      const epoch = await readEpoch(client);
      if (epoch !== this.#known) {
        this.#known = epoch;
        this.#flush();
      }
      this.#askedAtMs = askedAtMs;
      this.#regained();
      await this.#pause(CHECK_EVERY_MS);
    }
  }

  /** One line when the connection is lost and one when it is back, however often it was tried in between. */
  #regained(): void {
    if (this.#isLost) this.logger.info('access.epoch_regained');
    this.#isLost = false;
  }

  #flush(): void {
    this.#generation++;
    for (const flush of this.#flushes) flush();
  }

  #notify(): void {
    this.#isNotified = true;
    this.#wake?.();
  }

  async #pause(ms: number): Promise<void> {
    if (!this.#isNotified && !this.#isStopped) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#wake = undefined;
    this.#isNotified = false;
  }
}

/** Fails after two seconds: a connection that nobody answers any more must not be waited for. */
async function readEpoch(client: PoolClient): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('The database did not answer in time.')), CHECK_WITHIN_MS);
  });
  try {
    const { rows } = await Promise.race([client.query<{ epoch: string }>(READ_EPOCH), late]);
    const epoch = rows[0]?.epoch;
    if (epoch === undefined) throw new Error('The table access_epoch is empty.');
    return epoch;
  } finally {
    clearTimeout(timer);
  }
}
