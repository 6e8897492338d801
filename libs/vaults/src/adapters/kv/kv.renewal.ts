import type { Clock } from '@claviger/kernel';
import { parseGrant, RENEWAL_SHARE, type Grant } from './kv.login.js';
import type { KvAnswer } from './kv.wire.js';

const MIN_PAUSE_MS = 1_000;
/** A longer timer would fire at once (Node keeps 32 bits). */
const MAX_TIMER_MS = 2 ** 31 - 1;

export type Renewal = {
  readonly grant: Grant;
  /** Aborts when the token is replaced or the connection closed. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly renew: (grant: Grant) => Promise<KvAnswer>;
  /** Takes the grant with its new life, or as due for a login where it cannot be prolonged. */
  readonly keep: (grant: Grant) => void;
};

/**
 * Renews a token each time that two thirds of its life are over, until there is nothing left to renew. A renewal that
 * got no answer, or that the server was not able to do, is tried again after two thirds of what is left.
 * @throws the signal's reason
 */
export async function keepRenewing({ grant: first, signal, clock, renew, keep }: Renewal): Promise<void> {
  const nowMs = (): number => clock.now().getTime();
  const isGiven = first.dueAtMs === undefined;
  let grant = first;
  for (;;) {
    const restMs = grant.grantedAtMs + grant.ttlMs - nowMs();
    if (restMs <= 0) return;
    const pauseMs = Math.max(MIN_PAUSE_MS, restMs * RENEWAL_SHARE);
    await clock.sleep(Math.min(pauseMs, MAX_TIMER_MS), signal);
    if (pauseMs > MAX_TIMER_MS) continue;
    const answer = await renew(grant).catch(() => undefined);
    signal.throwIfAborted();
    if (answer === undefined || answer.status === 429 || answer.status >= 500) continue;
    const renewed = answer.status === 200 ? parseGrant(answer, nowMs()) : undefined;
    // Less than at first means that the token has reached its greatest age: the next use logs in anew.
    const isLast = renewed === undefined || (!isGiven && renewed.ttlMs < first.ttlMs);
    if (isLast) return isGiven ? undefined : keep({ ...grant, dueAtMs: nowMs() });
    const { token, looksItselfUp } = first;
    grant = { ...renewed, token, looksItselfUp, dueAtMs: isGiven ? undefined : renewed.dueAtMs };
    keep(grant);
  }
}
