/** What is needed of an approval to judge it. */
export type ApprovalEvidence = {
  /** Identity of who asked, as `user:<id>`. */
  readonly requestedBy: string;
  /** Votes needed at each step. */
  readonly steps: readonly { readonly votes: number }[];
  readonly votes: readonly {
    readonly voterId: string;
    readonly representedId: string;
    readonly step: number;
    readonly decision: 'approve' | 'reject';
  }[];
  readonly isBreakGlass: boolean;
  readonly isReviewed: boolean;
  /** Where the change stood at the moment. */
  readonly outcome: 'waiting' | 'approved' | 'rejected' | 'expired' | 'cancelled' | 'stale';
};

/**
 * `kept`: approved, by votes of others alone and as many as every step needs; `bypassed`: executed without its votes, in
 * haste; `broken`: neither, which must not happen; `none`: nothing was executed.
 */
export type FourEyes = 'kept' | 'bypassed' | 'broken' | 'none';

/** Whether somebody voted, or had voted for them, about what they asked for themselves. */
export function hasRequesterVoted({ requestedBy, votes }: ApprovalEvidence): boolean {
  return votes.some(({ voterId, representedId }) =>
    [voterId, representedId].some((id) => requestedBy === `user:${id}`),
  );
}

/** Counted again from the votes, not believed from the outcome. */
export function judgeFourEyes(evidence: ApprovalEvidence): FourEyes {
  if (evidence.outcome !== 'approved') return 'none';
  if (hasRequesterVoted(evidence)) return 'broken';
  if (evidence.isBreakGlass) return 'bypassed';
  return isQuorate(evidence) ? 'kept' : 'broken';
}

/** Each step has enough approvals, nobody rejected, nobody counts twice as voter or as the one voted for. */
function isQuorate({ steps, votes }: ApprovalEvidence): boolean {
  if (votes.some(({ decision }) => decision === 'reject')) return false;
  const voters = new Set(votes.map(({ voterId }) => voterId));
  const represented = new Set(votes.map(({ representedId }) => representedId));
  if (voters.size !== votes.length || represented.size !== votes.length) return false;
  return steps.every((step, index) => votes.filter((vote) => vote.step === index).length >= step.votes);
}
