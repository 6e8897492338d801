import { daysAt, nextCrossing, type CountedFact } from './fact.js';
import { FACTS } from './fact-catalogue.js';
import type { PresentState } from './secret-state.js';

/** What rules are judged by: values by the names of facts; null for what is not there. */
export type FactValues = Readonly<Record<string, unknown>>;

const ALL = Object.entries(FACTS);

/** All facts of a secret at a moment. Pure: the same state and moment give the same facts. */
export function factsOf(state: PresentState, now: Date): FactValues {
  const values: Record<string, unknown> = {};
  for (const [name, fact] of ALL)
    values[name] = ('counts' in fact ? daysAt(fact.counts(state), now) : fact.of(state)) ?? null;
  return values;
}

/** A number of days that a rule compares a counted fact with. */
export type Threshold = { readonly fact: string; readonly days: number };

/**
 * The first moment after `now` at which one of the comparisons can give something else, while the state stays as it is; null when
 * none ever will.
 */
export function nextChangeAt(state: PresentState, thresholds: readonly Threshold[], now: Date): Date | null {
  let next: Date | null = null;
  for (const { fact, days } of thresholds) {
    const at = nextCrossing((FACTS[fact] as CountedFact).counts(state), days, now);
    if (at && (next === null || at < next)) next = at;
  }
  return next;
}
