import { isAppError, type AppError } from '@claviger/kernel';
import type { IdempotencyRecordEntity } from './idempotency-record.entity.js';

/** What to do with a request whose key is known. */
export type Verdict = 'replay' | 'reused' | 'in-progress' | 'take-over' | 'expired';

type Known = Pick<IdempotencyRecordEntity, 'requestHash' | 'state' | 'leaseUntil' | 'expiresAt'>;

/** Visible ASCII without the space, as a header holds it. */
const KEY = /^[\x21-\x7e]{1,255}$/;

/** Whether a header can be an idempotency key. One that was sent twice comes joined by a comma and a space. */
export function isIdempotencyKey(header: unknown): header is string {
  return typeof header === 'string' && KEY.test(header);
}

/** Judges a request by what is remembered under its key. */
export function judgeRequest(known: Known, requestHash: Buffer, now: Date): Verdict {
  if (known.expiresAt <= now) return 'expired';
  if (!known.requestHash.equals(requestHash)) return 'reused';
  if (known.state === 'finished') return 'replay';
  return known.leaseUntil !== null && known.leaseUntil > now ? 'in-progress' : 'take-over';
}

/** Errors after which it is not known what has happened. */
const UNKNOWN = new Set<AppError['kind']>(['internal', 'unavailable', 'timeout']);

/**
 * What becomes of the record of a request that ended with an error. `forget`: nothing was done for certain, and the same key may
 * try again. `leave`: something may have been done; a repetition looks for it first.
 */
export function afterError(error: unknown): 'forget' | 'leave' {
  if (!isAppError(error) || error.code === 'IDEMPOTENCY_IN_PROGRESS') return 'leave';
  // A change that ended so was not carried out, whatever the error.
  if (error.details?.['changeId'] !== undefined) return 'forget';
  return UNKNOWN.has(error.kind) ? 'leave' : 'forget';
}
