import { isVaultError, VaultError, type VaultAdapter } from '../contract/index.js';
import { intercept } from './intercept.js';
import { isLocalRefusal, localRefusal } from './local-refusal.js';
import type { RateLimiter } from './rate-limiter.js';
import type { RateLimit } from './token-bucket.js';

export type RateLimitInit = {
  readonly limiter: RateLimiter;
  /** Names the credential, without telling it: what the vault counts by. */
  readonly credentialKey: string;
  readonly limit: RateLimit;
};

/**
 * Makes every call wait for its turn under the limit of its credential. Refuses with THROTTLED and the time to wait
 * when the queue is too long, and gives up waiting with CANCELLED. When the vault itself throttles and says for how
 * long, all calls of the credential wait, not only the one that was told.
 */
export function withRateLimit(adapter: VaultAdapter, { limiter, credentialKey, limit }: RateLimitInit): VaultAdapter {
  return intercept(adapter, async (invocation) => {
    const { operation, call, run } = invocation;
    const bucket = limiter.bucket(credentialKey, limit);
    const retryAfterMs = await bucket.take(call.signal).catch(() => {
      const message = 'The caller gave up while waiting for a turn under the rate limit.';
      throw new VaultError({ code: 'CANCELLED', message, backend: adapter.kind, operation, outcomeUnknown: false });
    });
    if (retryAfterMs !== undefined) {
      const message = `More calls are waiting than the rate limit lets through; try again in ${retryAfterMs} ms.`;
      throw localRefusal(invocation, { code: 'THROTTLED', message, refusedBy: 'rate_limiter', retryAfterMs });
    }
    try {
      return await run();
    } catch (error) {
      const isAsked = isVaultError(error, 'THROTTLED') && !isLocalRefusal(error) && error.retryAfterMs !== undefined;
      if (isAsked) limiter.bucket(credentialKey, limit).pause(error.retryAfterMs);
      throw error;
    }
  });
}
