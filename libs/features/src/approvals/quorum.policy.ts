import type { Decision } from './approval.entity.js';

/** A step as far as counting goes. */
type Counted = { readonly votes: number };
type Vote = { readonly step: number; readonly decision: Decision };

/** How many approvals of a step are missing. */
export function missingVotes(step: Counted, index: number, votes: readonly Vote[]): number {
  const given = votes.filter((vote) => vote.step === index && vote.decision === 'approve').length;
  return Math.max(0, step.votes - given);
}

/** Whether the time for deciding at the open step is over. */
export function isOverdue({ dueAt }: { readonly dueAt: Date }, now: Date): boolean {
  return dueAt.getTime() <= now.getTime();
}

/** One or more steps that could not be decided by different people, whoever of them asks. */
export type Undecidable = { readonly steps: readonly number[]; readonly voters: number; readonly votes: number };

/**
 * The smallest set of steps for which there are too few voters, or undefined. Nobody votes twice and the requester, who
 * may be any of them, not at all; so for every set of steps those who may vote at one of them must be more than all its
 * votes (Hall's condition, one voter left out).
 *
 * @param steps the ids of those who may vote at each step, and the votes needed
 */
export function findUndecidable(
  steps: readonly { readonly voters: ReadonlySet<string>; readonly votes: number }[],
): Undecidable | undefined {
  const subsets = Array.from({ length: 2 ** steps.length - 1 }, (_, mask) =>
    steps.map((_step, index) => index).filter((index) => ((mask + 1) >> index) & 1),
  );
  for (const subset of subsets.sort((a, b) => a.length - b.length)) {
    const voters = new Set(subset.flatMap((index) => [...steps[index]!.voters])).size;
    const votes = subset.reduce((sum, index) => sum + steps[index]!.votes, 0);
    if (voters - 1 < votes) return { steps: subset, voters, votes };
  }
  return undefined;
}
