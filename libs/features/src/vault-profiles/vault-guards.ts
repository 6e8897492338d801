import { createHmac, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock, type SecretValue } from '@claviger/kernel';
import { ProcessRegistry } from '@claviger/platform/telemetry';
import type { VaultAdapter } from '@claviger/vaults/contract';
import { composeAdapter, createInstanceGuards, RateLimiter, type RateLimitInit } from '@claviger/vaults/wrappers';
import type { VaultInstance } from './vault-instance.js';

/** Who would wait longer for a turn under a rate limit is refused. */
const MAX_WAIT_MS = 10_000;

/** Puts time-outs, retries, circuit breaker and rate limit around the adapters of remote vaults. */
@Injectable()
export class VaultGuards {
  readonly #limiter: RateLimiter;
  /** Of this process only: it tells credentials apart and nothing about them. */
  readonly #key = randomBytes(32);

  constructor(
    @Inject(CLOCK) private readonly clock: Clock,
    processes: ProcessRegistry,
  ) {
    const liveProcesses = (): number => processes.liveProcesses();
    this.#limiter = new RateLimiter({ clock, liveProcesses, maxWaitMs: MAX_WAIT_MS });
  }

  /** What goes around every adapter of an instance. They share one circuit breaker. */
  of(instance: VaultInstance, credentials: SecretValue<unknown>): (adapter: VaultAdapter) => VaultAdapter {
    const rateLimit = this.#rateLimit(instance, credentials);
    const guards = createInstanceGuards({
      name: instance.name,
      clock: this.clock,
      ...(rateLimit === undefined ? {} : { rateLimit }),
    });
    return (adapter) => composeAdapter(adapter, guards);
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
