import type { PresentState, SecretState } from './secret-state.js';

export const DAY_MS = 86_400_000;

/** How a fact that time changes does so: it counts whole days since a moment, or until one. Null where there is no such moment. */
export type Counting = { readonly since: string | null } | { readonly until: string | null };

type Known = {
  readonly description: string;
  /** Values that it can have, where they are few. */
  readonly values?: readonly string[];
  /**
   * `change`: what a change makes of it is known before anything is written, so that rules about it may block. `past`: known of past
   * moments. `now`: of the present moment only.
   */
  readonly knownAt: 'change' | 'past' | 'now';
  /** Part of the content: a write of content sets it, whatever it was before. */
  readonly isOfContent?: true;
};

/** A fact that changes only when something is done. */
export type SteadyFact = Known & {
  readonly kind: 'text' | 'number' | 'boolean' | 'list' | 'map';
  readonly of: (state: SecretState) => unknown;
};

/** A number of whole days; below zero once the moment that it counts down to has passed. */
export type CountedFact = Known & {
  readonly kind: 'number';
  readonly counts: (state: PresentState) => Counting;
};

export type Fact = SteadyFact | CountedFact;

/** The whole days at a moment; null where there is nothing to count. */
export function daysAt(counting: Counting, now: Date): number | null {
  const [moment, sign] = 'since' in counting ? [counting.since, 1] : [counting.until, -1];
  if (moment === null) return null;
  // Never minus zero.
  return Math.floor((sign * (now.getTime() - Date.parse(moment))) / DAY_MS) + 0;
}

/**
 * The first moment after `now` at which the days begin or cease to be `days`, or to be more or less than that; null when they
 * never will again. That is when a comparison with `days` can change.
 */
export function nextCrossing(counting: Counting, days: number, now: Date): Date | null {
  const moment = 'since' in counting ? counting.since : counting.until;
  if (moment === null) return null;
  const base = Date.parse(moment);
  // From these numbers of days on, a comparison with `days` gives something else. Counting down, a day lasts to its last millisecond.
  const edges = [Math.ceil(days), Math.floor(days) + 1].map((edge) =>
    'since' in counting ? base + edge * DAY_MS : base - edge * DAY_MS + 1,
  );
  const next = edges.filter((edge) => edge > now.getTime()).sort((a, b) => a - b)[0];
  return next === undefined ? null : new Date(next);
}
