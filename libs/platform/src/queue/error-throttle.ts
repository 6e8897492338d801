import type { Logger } from '@claviger/platform/telemetry';

const QUIET_MS = 10_000;

/** Logs errors that come in showers (every retry of every connection) at most once in ten seconds, with their number. */
export class ErrorThrottle {
  #suppressed = 0;
  #loggedAt = -Infinity;

  constructor(
    private readonly logger: Logger,
    private readonly event: string,
  ) {}

  readonly onError = (error: unknown): void => {
    const now = performance.now();
    if (now - this.#loggedAt < QUIET_MS) {
      this.#suppressed += 1;
      return;
    }
    this.logger.warn(this.event, { suppressed: this.#suppressed }, error);
    this.#loggedAt = now;
    this.#suppressed = 0;
  };
}
