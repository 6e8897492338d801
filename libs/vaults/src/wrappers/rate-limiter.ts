import { TokenBucket, type RateLimit, type TokenBucketInit } from './token-bucket.js';

/** From so many buckets on, those that nobody needs are dropped before another one is made. */
const SWEEP_FROM = 1000;

/**
 * One token bucket per credential, shared by all instances and adapters of this process that use the credential,
 * because that is what vaults count. One per process.
 */
export class RateLimiter {
  readonly #init: TokenBucketInit;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(init: TokenBucketInit) {
    this.#init = init;
  }

  /** The bucket of a credential, with the limit given from now on. Ask for it on each call; do not keep it. */
  bucket(credentialKey: string, limit: RateLimit): TokenBucket {
    const known = this.#buckets.get(credentialKey);
    if (known !== undefined) {
      known.limit = limit;
      return known;
    }
    if (this.#buckets.size >= SWEEP_FROM) this.#sweep();
    const bucket = new TokenBucket(limit, this.#init);
    this.#buckets.set(credentialKey, bucket);
    return bucket;
  }

  get size(): number {
    return this.#buckets.size;
  }

  #sweep(): void {
    for (const [key, bucket] of this.#buckets) if (bucket.isIdle) this.#buckets.delete(key);
  }
}
