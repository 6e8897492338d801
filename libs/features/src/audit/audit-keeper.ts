import type { Clock } from '@claviger/kernel';
import type { Logger } from '@claviger/platform/telemetry';
import { SEALINGS_FAILED } from './audit.metrics.js';
import type { Sealer } from './sealer.js';

const SEAL_EVERY_MS = 200;
const AFTER_FAILURE_MS = 5_000;

export type AuditKeeperDependencies = { readonly sealer: Sealer; readonly clock: Clock; readonly logger: Logger };

/** Seals the log five times a second. */
export class AuditKeeper {
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(private readonly dependencies: AuditKeeperDependencies) {}

  start(): void {
    this.#running = this.#run(this.#stop.signal);
  }

  /** Ends after the pass that is under way and a last one. */
  async stop(): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    await this.#running;
    await this.#seal();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const pauseMs = (await this.#seal()) ? SEAL_EVERY_MS : AFTER_FAILURE_MS;
      await this.dependencies.clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  async #seal(): Promise<boolean> {
    try {
      await this.dependencies.sealer.sealAll();
      return true;
    } catch (error) {
      SEALINGS_FAILED.add();
      this.dependencies.logger.error('audit.seal_failed', {}, error);
      return false;
    }
  }
}
