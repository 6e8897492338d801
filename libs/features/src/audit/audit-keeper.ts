import type { Clock } from '@claviger/kernel';
import type { Database } from '@claviger/platform/database';
import type { Logger } from '@claviger/platform/telemetry';
import { makeAuditPartitions } from './audit-partitions.js';
import type { Sealer } from './sealer.js';

const SEAL_EVERY_MS = 200;
const AFTER_FAILURE_MS = 5_000;
const PARTITIONS_EVERY_MS = 3_600_000;

export type AuditKeeperDependencies = {
  readonly database: Database;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly logger: Logger;
};

/** Looks after the audit log in the background, in every worker: seals five times a second, partitions ahead of time. */
export class AuditKeeper {
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(private readonly dependencies: AuditKeeperDependencies) {}

  start(): void {
    this.#running = Promise.all([
      this.#repeat('audit.seal_failed', SEAL_EVERY_MS, () => this.dependencies.sealer.sealAll()),
      this.#repeat('audit.partitions_failed', PARTITIONS_EVERY_MS, () => this.#makePartitions()),
    ]);
  }

  /** Ends both after what is under way, and seals once more. */
  async stop(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    await this.#running;
    await this.dependencies.sealer.sealAll().catch(() => undefined);
  }

  async #makePartitions(): Promise<void> {
    const { database, clock, logger } = this.dependencies;
    const made = await makeAuditPartitions(database, clock.now());
    if (made > 0) logger.info('audit.partitions_made', { made });
  }

  async #repeat(failure: string, everyMs: number, work: () => Promise<unknown>): Promise<void> {
    const { clock, logger } = this.dependencies;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      let pauseMs = everyMs;
      try {
        await work();
      } catch (error) {
        logger.error(failure, {}, error);
        pauseMs = AFTER_FAILURE_MS;
      }
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }
}
