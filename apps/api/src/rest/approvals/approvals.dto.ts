import { accessErrors } from '@claviger/features/access';
import { approvalErrors, DECISIONS, QUEUE_SCOPES } from '@claviger/features/approvals';
import { CHANGE_STATES, changeErrors } from '@claviger/features/changes';
import { MODES, SEVERITIES } from '@claviger/features/compliance';
import { secretErrors } from '@claviger/features/secrets';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { instant } from '../../http/instant.js';
import { pageOf, pageQuery } from '../../http/page.js';
import { queryFlag } from '../../http/query-flag.js';
import { stepView } from '../approval-profiles/approval-profiles.dto.js';
import { EXAMPLE } from '../examples.js';
import { planStep } from '../secrets/secrets.dto.js';
import { VAULT_PROBLEMS } from '../vault-problems.js';

const params = z.object({
  id: z.uuid().meta({ description: 'Id of the approval, which is that of the change.', example: EXAMPLE.changeId }),
});
const comment = z
  .string()
  .max(2_000)
  .meta({ description: 'Why. A rejection needs one.', example: 'not in the freeze' });
const text = z.string().trim().min(1).max(2_000);
const decision = z.enum(DECISIONS);
const requester = z.object({ id: z.string(), name: z.string() });
const dev = { id: `user:${EXAMPLE.userId}`, name: 'dev' };

/** What was asked for, in the queue and alone. */
const asked = {
  id: z.string(),
  kind: z.string(),
  state: z.enum(CHANGE_STATES),
  subject: z.string(),
  secretId: z.string().nullable(),
  requestedBy: requester,
  reason: z.string().nullable(),
};
const askedExample = {
  id: EXAMPLE.changeId,
  kind: 'secret.content',
  state: 'pending_approval',
  subject: 'prod/shop/database',
  secretId: EXAMPLE.secretId,
  requestedBy: dev,
  reason: 'quarterly rotation',
};

const queued = z
  .object({
    ...asked,
    profiles: z.array(z.string()),
    step: z.number().int().meta({ description: 'The open step, from 0.' }),
    steps: z.number().int(),
    dueAt: instant,
    createdAt: instant,
    isBreakGlass: z.boolean(),
    isReviewed: z.boolean(),
  })
  .meta({
    id: 'QueuedApproval',
    example: {
      ...askedExample,
      profiles: ['four-eyes'],
      step: 0,
      steps: 1,
      dueAt: '2026-11-24T16:51:34.280Z',
      createdAt: EXAMPLE.at,
      isBreakGlass: false,
      isReviewed: false,
    },
  });

const deed = z.object({ by: requester, at: z.string(), comment: z.string() }).nullable();
const said = z.object({ author: requester, text: z.string(), at: instant });

const review = z.object({
  type: z.string().nullable(),
  settings: z
    .array(z.object({ name: z.string(), before: z.unknown(), after: z.unknown() }))
    .meta({ description: 'Attributes and settings before and after.' }),
  values: z
    .array(
      z.object({
        field: z.string().meta({ description: 'JSON pointer.' }),
        change: z.enum(['added', 'removed', 'changed', 'same']),
        length: z.string().nullable().meta({ description: 'A class of lengths in characters.' }),
        entropy: z.enum(['low', 'fair', 'high']).nullable(),
      }),
    )
    .meta({ description: 'Fields of the content; never a value.' }),
  plan: z.array(planStep),
  rules: z
    .array(
      z.object({
        profile: z.string(),
        rule: z.string(),
        title: z.string(),
        severity: z.enum(SEVERITIES),
        mode: z.enum(MODES),
        before: z.enum(['holds', 'broken']).nullable(),
        after: z.enum(['holds', 'broken']).nullable(),
      }),
    )
    .meta({ description: 'What compliance rules find before and after.' }),
});

const view = z
  .object({
    ...asked,
    sponsor: z.string().nullable().meta({
      description:
        'The user who made the token or credential that it was requested with, who does not vote on it either.',
    }),
    baseVersion: z.number().int().nullable(),
    digest: z.string().meta({ description: 'Keyed digest of exactly what was asked for.' }),
    profiles: z.array(z.object({ id: z.string(), name: z.string(), version: z.number().int() })),
    steps: z.array(
      stepView.extend({
        profile: z.string(),
        state: z.enum(['waiting', 'open', 'complete', 'closed']),
        missing: z.number().int().meta({ description: 'Votes that are missing.' }),
        couldVote: z.array(z.string()).meta({ description: 'Users who could vote on it, up to 50.' }),
      }),
    ),
    votes: z.array(
      z.object({
        voter: z.string(),
        onBehalfOf: z.string().nullable(),
        decision,
        comment: z.string(),
        step: z.number().int(),
        at: instant,
      }),
    ),
    comments: z.array(said),
    mayVote: z.boolean().meta({ description: 'Whether you may vote on it now.' }),
    review: review
      .nullable()
      .meta({ description: 'What it would do, for those whom a step names, while it waits; null for anybody else.' }),
    dueAt: instant,
    createdAt: instant,
    closedAt: instant.nullable(),
    breakGlass: deed,
    reviewed: deed,
  })
  .meta({
    id: 'Approval',
    example: {
      ...askedExample,
      sponsor: null,
      baseVersion: 1,
      digest: '5b0c9a7d2e4f6a81:pC0mV0y1m5K0b0Yb2k4oXw9mM4b5W0uC0d8c1JtqXnE',
      profiles: [{ id: '01a1ff05-40aa-7e6a-8d0c-1f2e3d4c5b6a', name: 'four-eyes', version: 1 }],
      steps: [
        {
          profile: 'four-eyes',
          users: [],
          groups: ['security'],
          policies: [],
          votes: 1,
          expiresAfterSeconds: 259_200,
          state: 'open',
          missing: 1,
          couldVote: ['ada', 'bob'],
        },
      ],
      votes: [],
      comments: [],
      mayVote: true,
      review: {
        type: 'basic-auth',
        settings: [{ name: 'cause', before: null, after: 'put' }],
        values: [
          { field: '/password', change: 'changed', length: '16-23', entropy: 'fair' },
          { field: '/username', change: 'same', length: '1-7', entropy: 'low' },
        ],
        plan: [{ profile: 'prod', role: 'source', action: 'update', reason: 'It holds other content.' }],
        rules: [
          {
            profile: 'base',
            rule: 'password-short',
            title: 'A password has at least 12 characters',
            severity: 'high',
            mode: 'warn',
            before: 'broken',
            after: 'holds',
          },
        ],
      },
      dueAt: '2026-11-24T16:51:34.280Z',
      createdAt: EXAMPLE.at,
      closedAt: null,
      breakGlass: null,
      reviewed: null,
    },
  });
const example = view.meta()!['example'] as Record<string, unknown>;
const decided = { ...example, state: 'done', mayVote: false, review: null, closedAt: EXAMPLE.later };

const denied = accessErrors.accessDenied(`claviger/approvals/${EXAMPLE.changeId}`, 'update');
const NEEDS_VOTE = 'update claviger/approvals/<id>';
const { approvalNotFound, approvalClosed, ownRequest, notAVoter, alreadyVoted, commentMissing } = approvalErrors;
const notFound = approvalNotFound();
const stale = changeErrors.approvalStale();
/** What an approved deletion waits for. */
const fuse = secretErrors.deleteFuseBlown(100, 10);

export const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List approvals by the date that they are due',
  needs: 'token; for scope=all list claviger/approvals/',
  query: z.strictObject({
    ...pageQuery,
    scope: z
      .enum(QUEUE_SCOPES)
      .default('decide')
      .meta({ description: '`decide`: what you may vote on now; `requested`: what you asked for; `all`.' }),
    state: z.enum(CHANGE_STATES).optional(),
    profile: z.string().max(63).optional().meta({ description: 'Asked for by this approval profile.' }),
    vaultProfile: z.uuid().optional().meta({ description: 'Id of a vault profile that it is about.' }),
    kind: z.string().max(64).optional(),
    requester: z.string().max(256).optional().meta({ description: 'Name or identity of who requested it.' }),
    secret: z.uuid().optional().meta({ description: 'Of this secret only.' }),
    olderThanSeconds: z.coerce.number().int().min(0).max(1_000_000_000).optional(),
    unreviewed: queryFlag('Only where the glass was broken and nobody has looked at it since.', false),
  }),
  response: pageOf(queued),
  problems: [denied],
});

export const counts = defineEndpoint({
  method: 'GET',
  path: 'counts',
  summary: 'How much waits for you, and how much of yours waits',
  needs: 'token',
  response: z.object({ toDecide: z.number().int(), requested: z.number().int() }),
  example: { response: { toDecide: 3, requested: 1 } },
});

export const get = defineEndpoint({
  method: 'GET',
  path: ':id',
  summary: 'Get an approval',
  description:
    'Those whom a step names also see what the change would do, without any value. Looking at that is recorded.',
  needs: 'read claviger/approvals/<id>, or having requested it, or being named by a step',
  params,
  response: view,
  problems: [notFound],
});

export const vote = defineEndpoint({
  method: 'POST',
  path: ':id/votes',
  summary: 'Approve or reject',
  description: 'The last approval that was missing executes the change. One rejection rejects it.',
  needs: `${NEEDS_VOTE}, and being named by the open step`,
  params,
  body: z.strictObject({ decision, comment: comment.optional() }),
  response: view,
  problems: [
    denied,
    notFound,
    approvalClosed('rejected'),
    ownRequest(),
    notAVoter(),
    alreadyVoted(),
    commentMissing(),
    stale,
    fuse,
  ],
  example: { body: { decision: 'approve', comment: 'as agreed' }, response: decided },
});

const outcome = z.object({
  id: z.string(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});

export const voteAll = defineEndpoint({
  method: 'POST',
  path: 'votes',
  summary: 'Vote on several approvals',
  description: 'Each for itself, with an answer of its own: what a single vote needs, each of these does.',
  needs: 'token',
  body: z.strictObject({
    votes: z
      .array(z.strictObject({ id: z.uuid(), decision, comment: comment.optional() }))
      .min(1)
      .max(100),
  }),
  response: z.object({ items: z.array(outcome) }),
  example: {
    body: { votes: [{ id: EXAMPLE.changeId, decision: 'approve' }] },
    response: { items: [{ id: EXAMPLE.changeId, error: null }] },
  },
});

export const addComment = defineEndpoint({
  method: 'POST',
  isOneTransaction: true,
  path: ':id/comments',
  summary: 'Say something about an approval',
  needs: `${NEEDS_VOTE}, or having requested it`,
  params,
  body: z.strictObject({ text }),
  status: 201,
  response: said,
  problems: [denied, notFound, approvalErrors.tooManyComments(200)],
  example: {
    body: { text: 'Which release is this for?' },
    response: { author: dev, text: 'Which release is this for?', at: EXAMPLE.at },
  },
});

export const withdraw = defineEndpoint({
  method: 'POST',
  path: ':id/withdraw',
  summary: 'Take a request back',
  needs: 'having requested it, or update claviger/changes/<id>',
  params,
  body: z.strictObject({}),
  response: view,
  problems: [denied, notFound, changeErrors.changeNotInState('done', 'waiting or failed')],
  example: { body: {}, response: { ...decided, state: 'cancelled' } },
});

export const breakGlass = defineEndpoint({
  method: 'POST',
  path: ':id/break-glass',
  summary: 'Execute a waiting change without its votes',
  description:
    'For emergencies: its voters are told, and it stays open for review until somebody else has looked at it.',
  needs: 'update claviger/break-glass/<kind>/<name> of what it is about',
  params,
  body: z.strictObject({ reason: text }),
  response: view,
  problems: [
    accessErrors.accessDenied('claviger/break-glass/secret/prod/shop/database', 'update'),
    notFound,
    approvalClosed('rejected'),
    stale,
    fuse,
    ...VAULT_PROBLEMS,
  ],
  example: {
    body: { reason: 'the shop is down and nobody answers' },
    response: { ...decided, breakGlass: { by: dev, at: EXAMPLE.at, comment: 'the shop is down and nobody answers' } },
  },
});

export const reviewed = defineEndpoint({
  method: 'POST',
  isOneTransaction: true,
  path: ':id/review',
  summary: 'Say that you have looked at what was done without votes',
  needs: `token of a user, and ${NEEDS_VOTE}`,
  params,
  body: z.strictObject({ comment: text }),
  response: view,
  problems: [
    denied,
    notFound,
    approvalErrors.nothingToReview(),
    approvalErrors.ownDeed(),
    approvalErrors.notAReviewer(),
  ],
  example: { body: { comment: 'was needed' }, response: decided },
});
