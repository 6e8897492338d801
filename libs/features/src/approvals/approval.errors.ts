import { AppError } from '@claviger/kernel';
import type { Undecidable } from './quorum.policy.js';

export const approvalProfileNotFound = (): AppError =>
  new AppError({
    code: 'APPROVAL_PROFILE_NOT_FOUND',
    kind: 'not_found',
    message: 'There is no such approval profile, or you may not see it.',
  });

export const approvalProfileExists = (name: string): AppError =>
  new AppError({
    code: 'APPROVAL_PROFILE_EXISTS',
    kind: 'conflict',
    message: `There is an approval profile ${name} already.`,
  });

/** A vault profile asks for it. */
export const approvalProfileInUse = (name: string, vaultProfiles: readonly string[]): AppError =>
  new AppError({
    code: 'APPROVAL_PROFILE_IN_USE',
    kind: 'conflict',
    message: `The approval profile ${name} cannot be removed: it is assigned to ${vaultProfiles.join(', ')}.`,
    details: { vaultProfiles },
  });

/** Some change that it gates could never be decided. */
export const tooFewVoters = ({ steps, voters, votes }: Undecidable): AppError => {
  const which = steps.map((index) => index + 1).join(' and ');
  return new AppError({
    code: 'TOO_FEW_VOTERS',
    kind: 'invalid',
    message:
      `Step ${which} cannot be decided: ${voters} ${voters === 1 ? 'user' : 'users'} may vote there and ${votes} ` +
      `${votes === 1 ? 'vote is' : 'votes are'} needed, nobody votes twice, and who requests a change does not vote. ` +
      'Name more users who may vote (update claviger/approvals/<id>, as in the policy approver), or ask for fewer votes.',
    details: { steps: steps.map((index) => index + 1), voters, votes },
  });
};

export const staleApprovalProfile = (version: number): AppError =>
  new AppError({
    code: 'STALE_MATCH',
    kind: 'precondition',
    message: `The approval profile has changed since; it is at version ${version} now. Read it again.`,
    details: { revision: version },
  });

/** No approval of that id that the caller may see. */
export const approvalNotFound = (refusal?: unknown): AppError =>
  new AppError({
    code: 'APPROVAL_NOT_FOUND',
    kind: 'not_found',
    message: 'There is no such approval, or you may not see it.',
    cause: refusal,
  });

export const approvalClosed = (state: string): AppError =>
  new AppError({
    code: 'APPROVAL_CLOSED',
    kind: 'conflict',
    message: `Nothing is to be decided any more: the change is ${state}.`,
    details: { state },
  });

export const ownRequest = (): AppError =>
  new AppError({
    code: 'OWN_REQUEST',
    kind: 'forbidden',
    message: 'Nobody decides about what they requested themselves, or with a token or credential that they made.',
  });

export const notAVoter = (): AppError =>
  new AppError({
    code: 'NOT_A_VOTER',
    kind: 'forbidden',
    message: 'Only a user whom the open step names can vote on this.',
  });

export const alreadyVoted = (): AppError =>
  new AppError({ code: 'ALREADY_VOTED', kind: 'conflict', message: 'You have voted on this already.' });

export const commentMissing = (): AppError =>
  new AppError({
    code: 'COMMENT_MISSING',
    kind: 'invalid',
    message: 'A rejection needs a comment that says why.',
  });

export const tooManyComments = (limit: number): AppError =>
  new AppError({
    code: 'TOO_MANY_COMMENTS',
    kind: 'conflict',
    message: `There are ${limit} comments already. Vote, or withdraw the request and make it anew.`,
    details: { limit },
  });

/** Tokens without a user, and service accounts, have no votes. */
export const notAUser = (): AppError =>
  new AppError({ code: 'NOT_A_USER', kind: 'forbidden', message: 'Only a user has votes to delegate.' });

/** Tokens without a user, and service accounts, are nobody in particular. */
export const notAReviewer = (): AppError =>
  new AppError({
    code: 'NOT_A_USER',
    kind: 'forbidden',
    message: 'Only a user can say that somebody else has looked at this. Log in as one.',
  });

export const delegationInvalid = (message: string): AppError =>
  new AppError({ code: 'DELEGATION_INVALID', kind: 'invalid', message });

export const delegationNotFound = (): AppError =>
  new AppError({ code: 'DELEGATION_NOT_FOUND', kind: 'not_found', message: 'You have no such delegation.' });

export const nothingToReview = (): AppError =>
  new AppError({
    code: 'NOTHING_TO_REVIEW',
    kind: 'conflict',
    message: 'No glass was broken for this change, or it has been reviewed already.',
  });

export const ownDeed = (): AppError =>
  new AppError({
    code: 'OWN_DEED',
    kind: 'forbidden',
    message: 'Somebody else must review this than who requested the change or broke the glass for it.',
  });

/** An assigned approval profile that is not there: nothing goes on without it. */
export const gateBroken = (name: string): AppError =>
  new AppError({
    code: 'APPROVAL_PROFILE_MISSING',
    kind: 'internal',
    message: `The approval profile ${name} is assigned and not there, so that nothing can be approved. Assign another one.`,
  });
