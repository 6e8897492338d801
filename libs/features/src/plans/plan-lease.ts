import { ACT_LIMIT_MS } from '@claviger/features/changes';
import type { Lease } from './plan.repository.js';

/** Longer than one item, or what is judged at a time, can take: waiting its turn included. */
const LEASE_MS = 2 * ACT_LIMIT_MS + 60_000;

/** A lease on a plan from now on. */
export function leaseFrom(owner: string, now: Date): Lease {
  return { owner, until: new Date(now.getTime() + LEASE_MS) };
}
