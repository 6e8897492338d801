import { describe, expect, it } from '@jest/globals';
import { canMove, isEnded, PLAN_STATES, statesBefore, type PlanState } from './plan-state.js';

const ALLOWED: readonly (readonly [PlanState, PlanState])[] = [
  ['judging', 'ready'],
  ['judging', 'cancelled'],
  ['judging', 'expired'],
  ['ready', 'applying'],
  ['ready', 'cancelled'],
  ['ready', 'expired'],
  ['ready', 'stale'],
  ['applying', 'applied'],
  ['applying', 'cancelled'],
];

describe('the states of a plan', () => {
  const pairs = PLAN_STATES.flatMap((from) => PLAN_STATES.map((to) => [from, to] as const));

  it.each(pairs)('from %s to %s are passed as the table says, and no other way', (from, to) => {
    const isAllowed = ALLOWED.some(([a, b]) => a === from && b === to);
    expect([canMove(from, to), statesBefore(to).includes(from)]).toEqual([isAllowed, isAllowed]);
  });

  it('end where nothing follows', () => {
    expect(PLAN_STATES.filter(isEnded)).toEqual(['applied', 'cancelled', 'expired', 'stale']);
  });
});
