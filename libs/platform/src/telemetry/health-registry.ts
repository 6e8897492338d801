import type { Clock } from '@claviger/kernel';
import { errorCode } from './error-facts.js';

const DEFAULT_TIMEOUT_MS = 2_000;
const FRESH_MS = 500;

/** Something that must work for this process to be of use. */
export type HealthCheck = {
  /** Lower case, shown in `/readyz?verbose`. */
  readonly name: string;
  /** Resolves when it works, rejects when it does not. The signal aborts when nobody waits any more. */
  readonly check: (signal: AbortSignal) => Promise<unknown>;
  /** Default 2,000. */
  readonly timeoutMs?: number;
  /** True when the process is of use without it: its failure is shown, and the report stays healthy. */
  readonly isOptional?: boolean;
};

export type CheckResult = {
  readonly name: string;
  readonly isHealthy: boolean;
  readonly isOptional: boolean;
  /** Of a failed check: the error's code, `TIMEOUT`, or `FAILED`. Never its message. */
  readonly code?: string;
  readonly durationMs: number;
};

export type HealthReport = {
  /** True when every check passed that is not optional. */
  readonly isHealthy: boolean;
  readonly checkedAt: Date;
  readonly checks: readonly CheckResult[];
};

const LEAVING: CheckResult = { name: 'process', isHealthy: false, isOptional: false, code: 'STOPPING', durationMs: 0 };

/** The named checks of a process. Rooms register theirs; the health endpoints ask for a report. */
export class HealthRegistry {
  readonly #checks = new Map<string, HealthCheck>();
  #running: Promise<HealthReport> | undefined;
  #latest: HealthReport | undefined;
  #isLeaving = false;

  constructor(private readonly clock: Clock) {}

  /**
   * Adds a check.
   *
   * @returns a function that takes it away again
   */
  register(check: HealthCheck): () => void {
    this.#checks.set(check.name, check);
    this.#latest = undefined;
    return () => {
      if (this.#checks.get(check.name) === check) this.#checks.delete(check.name);
      this.#latest = undefined;
    };
  }

  /** From now on every report is unhealthy, at once: the process works, and will soon be gone. */
  leave(): void {
    this.#isLeaving = true;
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  /**
   * Runs all checks at the same time, each within its time-out. Callers during a run, and for half a second after it,
   * share its report, so that probes cannot load what they probe. Never rejects.
   */
  async report(): Promise<HealthReport> {
    if (this.#isLeaving) return { isHealthy: false, checkedAt: this.clock.now(), checks: [LEAVING] };
    const latest = this.#latest;
    if (latest && this.clock.now().getTime() - latest.checkedAt.getTime() < FRESH_MS) return latest;
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #run(): Promise<HealthReport> {
    const checks = await Promise.all([...this.#checks.values()].map((check) => this.#runOne(check)));
    checks.sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#latest = {
      isHealthy: checks.every((check) => check.isHealthy || check.isOptional),
      checkedAt: this.clock.now(),
      checks,
    };
    return this.#latest;
  }

  async #runOne({
    name,
    check,
    timeoutMs = DEFAULT_TIMEOUT_MS,
    isOptional = false,
  }: HealthCheck): Promise<CheckResult> {
    const startedAt = this.clock.now().getTime();
    const durationMs = (): number => this.clock.now().getTime() - startedAt;
    const over = new AbortController();
    const tooLate = this.clock.sleep(timeoutMs, over.signal).then(
      () => 'TIMEOUT',
      () => 'TIMEOUT',
    );
    const outcome = Promise.resolve()
      .then(() => check(over.signal))
      .then(
        () => undefined,
        (error: unknown) => errorCode(error) ?? 'FAILED',
      );
    const code = await Promise.race([outcome, tooLate]);
    const result = { name, isOptional, durationMs: durationMs() };
    over.abort();
    return code === undefined ? { ...result, isHealthy: true } : { ...result, isHealthy: false, code };
  }
}
