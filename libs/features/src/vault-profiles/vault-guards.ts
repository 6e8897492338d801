import { createHmac, randomBytes } from 'node:crypto';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { CLOCK, type Clock, type SecretValue } from '@claviger/kernel';
import { METRICS } from '@claviger/platform/metrics';
import { ProcessRegistry } from '@claviger/platform/telemetry';
import type { VaultAdapter } from '@claviger/vaults/contract';
import {
  composeAdapter,
  createInstanceGuards,
  RateLimiter,
  type CircuitBreaker,
  type RateLimitInit,
} from '@claviger/vaults/wrappers';
import { traceCalls } from './vault-call-tracing.js';
import { countCalls, KINDS, tellBreakers } from './vault-calls.metrics.js';
import type { VaultInstance } from './vault-instance.js';

/** Who would wait longer for a turn under a rate limit is refused. */
const MAX_WAIT_MS = 10_000;

/** What goes around the adapters of one connection, until it is released. */
export type ConnectionGuards = {
  readonly guard: (adapter: VaultAdapter) => VaultAdapter;
  readonly release: () => void;
};

/** Puts time-outs, retries, circuit breaker and rate limit around the adapters of remote vaults. */
@Injectable()
export class VaultGuards implements OnApplicationShutdown {
  readonly #limiter: RateLimiter;
  readonly #observe = countCalls();
  /** Of the connections that are in use. */
  readonly #breakers = new Set<{ readonly kind: string; readonly breaker: CircuitBreaker }>();
  readonly #endTelling: () => void;
  /** Of this process only: it tells credentials apart and nothing about them. */
  readonly #key = randomBytes(32);

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    processes: ProcessRegistry,
  ) {
    const liveProcesses = (): number => processes.liveProcesses();
    this.#limiter = new RateLimiter({ clock, liveProcesses, maxWaitMs: MAX_WAIT_MS });
    this.#endTelling = METRICS.beforeTelling(() =>
      tellBreakers([...this.#breakers].map(({ kind, breaker }) => ({ kind, state: breaker.status().state }))),
    );
  }

  onApplicationShutdown(): void {
    this.#endTelling();
  }

  /** What goes around every adapter of a connection. They share one circuit breaker. */
  of(instance: VaultInstance, credentials: SecretValue<unknown>): ConnectionGuards {
    const rateLimit = this.#rateLimit(instance, credentials);
    const guards = createInstanceGuards({
      name: instance.name,
      clock: this.clock,
      observe: this.#observe,
      ...(rateLimit === undefined ? {} : { rateLimit }),
    });
    KINDS.declare(instance.kind);
    const counted = { kind: instance.kind, breaker: guards.breaker };
    this.#breakers.add(counted);
    return {
      guard: (adapter) => traceCalls(composeAdapter(adapter, guards), instance.id),
      release: () => void this.#breakers.delete(counted),
    };
  }

  #rateLimit(instance: VaultInstance, credentials: SecretValue<unknown>): RateLimitInit | undefined {
    const { requestsPerSecond } = instance.limits;
    if (requestsPerSecond === undefined) return undefined;
    const identity = JSON.stringify([instance.kind, credentials.reveal()]);
    return {
      limiter: this.#limiter,
      credentialKey: createHmac('sha256', this.#key).update(identity).digest('base64'),
      limit: { perSecond: requestsPerSecond, burst: requestsPerSecond },
    };
  }
}
