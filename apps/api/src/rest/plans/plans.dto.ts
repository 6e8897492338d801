import { accessErrors } from '@claviger/features/access';
import { CHANGE_STATES } from '@claviger/features/changes';
import {
  ON_FAILURE,
  PLAN_ACTIONS,
  PLAN_ITEM_STATES,
  PLAN_KINDS,
  PLAN_LIMITS,
  PLAN_STATES,
  planErrors,
} from '@claviger/features/plans';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { instant } from '../../http/instant.js';
import { pageOf, pageQuery } from '../../http/page.js';
import { queryFlag } from '../../http/query-flag.js';
import { EXAMPLE } from '../examples.js';
import { planStep, reason } from '../secrets/secrets.dto.js';
import { planItem } from './plan-items.dto.js';

const PLAN_ID = '01a1ff05-4b1c-7d3e-9a6f-2c8e5d7b9a10';
const params = z.object({ id: z.uuid().toLowerCase().meta({ description: 'Id of the plan.', example: PLAN_ID }) });
const count = z.number().int();

export const planView = z
  .object({
    id: z.string(),
    state: z.enum(PLAN_STATES),
    requestedBy: z.object({ id: z.string(), name: z.string() }),
    reason: z.string().nullable(),
    onFailure: z.enum(ON_FAILURE),
    isStopping: z
      .boolean()
      .meta({ description: 'It was cancelled while it is applied, and stops before its next item.' }),
    items: z
      .object({
        total: count,
        judged: count,
        ended: count,
        byAction: z.partialRecord(z.enum(PLAN_ACTIONS), count),
        byState: z.partialRecord(z.enum(PLAN_ITEM_STATES), count),
      })
      .meta({ description: 'How far it is: how many items would do what, and how many stand where.' }),
    expiresAt: instant,
    createdAt: instant,
    judgedAt: instant.nullable(),
    appliedAt: instant.nullable(),
    endedAt: instant.nullable(),
  })
  .meta({
    id: 'Plan',
    example: {
      id: PLAN_ID,
      state: 'ready',
      requestedBy: EXAMPLE.requester,
      reason: 'second release',
      onFailure: 'continue',
      isStopping: false,
      items: { total: 2, judged: 2, ended: 0, byAction: { create: 1, update: 1 }, byState: { open: 2 } },
      expiresAt: '2026-11-21T17:51:34.280Z',
      createdAt: EXAMPLE.at,
      judgedAt: EXAMPLE.later,
      appliedAt: null,
      endedAt: null,
    },
  });
const example = planView.meta()!['example'] as Record<string, unknown>;

const planItemView = z
  .object({
    number: count.meta({ description: 'Its place in the plan, from 1.' }),
    kind: z.enum(PLAN_KINDS),
    secretId: z.string().nullable(),
    subject: z.string().nullable(),
    action: z
      .enum(PLAN_ACTIONS)
      .nullable()
      .meta({ description: 'What it would do altogether; null until it is judged.' }),
    plan: z.array(planStep).meta({ description: 'What it would do at each vault.' }),
    waitsFor: z.array(z.string()).meta({ description: 'The approval profiles whose approval it would wait for.' }),
    state: z.enum(PLAN_ITEM_STATES).meta({ description: 'Where it stood when the plan was through with it.' }),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    change: z
      .object({ id: z.string(), state: z.enum(CHANGE_STATES) })
      .nullable()
      .meta({ description: 'The change that it made, as it stands now.' }),
    endedAt: instant.nullable(),
  })
  .meta({
    id: 'PlanItem',
    example: {
      number: 1,
      kind: 'secret.content',
      secretId: EXAMPLE.secretId,
      subject: 'prod/shop/database',
      action: 'update',
      plan: [
        { profile: 'prod', role: 'source', action: 'update', reason: 'It holds other content.' },
        { profile: 'standby', role: 'target', action: 'no-op', reason: 'It holds this content already.' },
      ],
      waitsFor: [],
      state: 'open',
      error: null,
      change: null,
      endedAt: null,
    },
  });

const OWN = 'having made it, or';
const denied = accessErrors.accessDenied(`claviger/plans/${PLAN_ID}`, 'create');
const { planNotFound, planNotInState } = planErrors;

export const create = defineEndpoint({
  method: 'POST',
  path: '',
  summary: 'Plan a list of changes',
  description:
    'Judges each change as its own endpoint would, and writes nothing. Items that are refused are part of the plan. `judging` ' +
    'when it takes more than a few seconds: look again. Values are kept sealed until the plan ends.',
  needs: 'create claviger/plans/<id>; each item is judged by what its change needs',
  body: z.strictObject({
    items: z
      .array(planItem)
      .min(1)
      .max(PLAN_LIMITS.items)
      .meta({ description: `The changes, at most ${PLAN_LIMITS.items}, in the order in which they are applied.` }),
    reason: reason.meta({ description: 'Why; of each item that has no reason of its own.' }),
    expiresInSeconds: z
      .int()
      .min(PLAN_LIMITS.minSeconds)
      .max(PLAN_LIMITS.maxSeconds)
      .default(PLAN_LIMITS.seconds)
      .meta({ description: 'How long it may wait to be applied.' }),
  }),
  status: 201,
  response: planView,
  problems: [denied, planErrors.planItemsOverlap(1, 2), planErrors.tooManyPlans(PLAN_LIMITS.open)],
  example: {
    body: {
      items: [
        {
          kind: 'secret.content',
          secretId: EXAMPLE.secretId,
          content: { username: 'shop', password: 'battery staple' },
        },
        {
          kind: 'secret.create',
          name: 'shop/mail',
          type: 'api-key',
          generate: { length: 40 },
          sourceProfile: 'prod',
          syncProfiles: ['standby'],
        },
      ],
      reason: 'second release',
    },
  },
});

export const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List plans',
  description:
    'Yours, and with `list claviger/plans/` those of others; the newest first. Ended ones are kept for 30 days.',
  needs: 'token',
  query: z.strictObject({
    ...pageQuery,
    state: z.enum(PLAN_STATES).optional(),
    mine: queryFlag('Yours only.', false),
  }),
  response: pageOf(planView),
});

export const get = defineEndpoint({
  method: 'GET',
  path: ':id',
  summary: 'Get a plan, and how far it is',
  needs: `${OWN} read claviger/plans/<id>`,
  params,
  response: planView,
  problems: [planNotFound()],
});

export const listItems = defineEndpoint({
  method: 'GET',
  path: ':id/items',
  summary: 'List what a plan would do, or has done',
  description: 'In the order of the plan. Values are never shown.',
  needs: `${OWN} read claviger/plans/<id>`,
  params,
  query: z.strictObject(pageQuery),
  response: pageOf(planItemView),
  problems: [planNotFound()],
});

export const apply = defineEndpoint({
  method: 'POST',
  path: ':id/apply',
  summary: 'Apply a plan',
  description:
    'As one job, item after item, with what your token may do then. Refused as a whole, and ended, when a secret or profile ' +
    'has changed since; an item that no longer does what was planned at a vault fails alone.',
  needs: 'having made it, and create claviger/plans/<id>; each item is judged by what its change needs',
  params,
  body: z.strictObject({
    onFailure: z
      .enum(ON_FAILURE)
      .default('continue')
      .meta({ description: 'Whether the items after one that failed are applied or skipped.' }),
    skipUnready: z
      .boolean()
      .default(false)
      .meta({ description: 'Leave out items that are a conflict or blocked, instead of refusing.' }),
  }),
  status: 202,
  response: planView,
  problems: [
    denied,
    planNotFound(),
    planErrors.planNotYours(),
    planNotInState('judging', 'ready'),
    planErrors.planHasUnready(1),
    planErrors.planStale(1),
  ],
  example: { body: { onFailure: 'stop' }, response: { ...example, state: 'applying', appliedAt: EXAMPLE.later } },
});

export const remove = defineEndpoint({
  method: 'DELETE',
  path: ':id',
  summary: 'Cancel a plan',
  description: 'Its values are erased. One that is being applied stops before its next item.',
  needs: 'having made it, and create claviger/plans/<id>; or read and delete claviger/plans/<id>',
  params,
  response: planView,
  problems: [denied, planNotFound(), planNotInState('applied', 'judging, ready or applying')],
  example: { response: { ...example, state: 'cancelled', endedAt: EXAMPLE.later } },
});
