import { ApprovalDelegationEntity } from './approval-delegation.entity.js';
import { ApprovalProfileEntity, ApprovalProfileVersionEntity } from './approval-profile.entity.js';
import { ApprovalCommentEntity, ApprovalEntity, ApprovalVoteEntity } from './approval.entity.js';

/** The tables of this room. */
export const APPROVALS_ENTITIES = [
  ApprovalCommentEntity,
  ApprovalDelegationEntity,
  ApprovalEntity,
  ApprovalProfileEntity,
  ApprovalProfileVersionEntity,
  ApprovalVoteEntity,
];
