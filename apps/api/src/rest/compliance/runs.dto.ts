import { accessErrors } from '@claviger/features/access';
import { askedReplayRules, complianceErrors, RUN_STATES, slug } from '@claviger/features/compliance';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { instant, moment } from '../../http/instant.js';
import { EXAMPLE } from '../examples.js';

const runId = '01a1ff05-7ccc-7e6a-8d0c-1f2e3d4c5b6a';
const params = z.object({ id: z.uuid().meta({ example: runId }) });
const scope = {
  secret: z.uuid().optional().meta({ description: 'Id of the one secret that it is about.' }),
  vaultProfile: z
    .string()
    .min(1)
    .max(63)
    .optional()
    .meta({ description: 'Id or name of the one vault profile that it is about.', example: 'prod' }),
};

const run = {
  id: z.string(),
  state: z.enum(RUN_STATES),
  total: z.number().int().meta({ description: 'Secrets to look at; of a replay at all moments together.' }),
  done: z.number().int().meta({ description: 'How many of them were looked at.' }),
  errorCode: z.string().nullable(),
  requestedBy: z.object({ id: z.string(), name: z.string() }),
  createdAt: instant,
  endedAt: instant.nullable(),
};
const example = {
  id: runId,
  state: 'done',
  total: 42,
  done: 42,
  errorCode: null,
  requestedBy: EXAMPLE.requester,
  createdAt: EXAMPLE.at,
  endedAt: EXAMPLE.later,
};
const waiting = { ...example, state: 'waiting', done: 0, endedAt: null };

const evaluationView = z.object(run).meta({ id: 'ComplianceEvaluation', example });

const momentView = z.object({
  at: z.string().meta({ format: 'date-time' }),
  secrets: z.number().int().meta({ description: 'Secrets that the rules would have judged.' }),
  rules: z
    .record(
      z.string(),
      z.object({
        holds: z.number().int(),
        broken: z.number().int(),
        not_applicable: z.number().int(),
        examples: z.array(z.string()).meta({ description: 'Ids of up to 20 secrets that broke it.' }),
      }),
    )
    .meta({ description: 'By the ids of rules.' }),
});
const rules = { 'password-short': { holds: 40, broken: 2, not_applicable: 0, examples: [EXAMPLE.secretId] } };
const replayExample = { ...example, moments: [{ at: EXAMPLE.at, secrets: 42, rules }] };
const replayView = z
  .object({ ...run, moments: z.array(momentView) })
  .meta({ id: 'ComplianceReplay', example: replayExample });

const denied = (what: string): ReturnType<typeof accessErrors.accessDenied> =>
  accessErrors.accessDenied(`claviger/compliance/${what}`, 'create');
const { complianceProfileNotFound, momentInFuture, runNotFound, scopeUnknown } = complianceErrors;

export const evaluate = defineEndpoint({
  method: 'POST',
  isOneTransaction: true,
  path: 'evaluations',
  summary: 'Look at secrets now',
  description: 'At all of them, or at those of the scope, whatever is due. A job: follow it by its id.',
  needs: 'create claviger/compliance/evaluations',
  body: z.strictObject(scope),
  status: 202,
  response: evaluationView,
  problems: [denied('evaluations'), scopeUnknown()],
  example: { body: { vaultProfile: 'prod' }, response: waiting },
});

export const evaluation = defineEndpoint({
  method: 'GET',
  path: 'evaluations/:id',
  summary: 'How far an evaluation is',
  needs: 'read claviger/compliance/evaluations',
  params,
  response: evaluationView,
  problems: [denied('evaluations'), runNotFound()],
});

export const replay = defineEndpoint({
  method: 'POST',
  isOneTransaction: true,
  path: 'replays',
  summary: 'Ask what rules would have found at past moments',
  description:
    'Rules that are not in force, of what `vaultProfiles` and `labelSelectors` say, or a `profile` as one of its versions says. ' +
    'Nothing is recorded and nobody is told. A job: follow it by its id.',
  needs: 'create claviger/compliance/replays',
  body: z
    .strictObject({
      ...askedReplayRules,
      profile: slug.optional().meta({ description: 'Name of a compliance profile.', example: 'base' }),
      version: z.int().min(1).max(2_147_483_647).optional(),
      moments: z.array(moment).min(1).max(60),
      ...scope,
    })
    .refine(({ profile, rules: given }) => (profile === undefined) !== (given === undefined), {
      message: 'Give either rules or a profile.',
    }),
  status: 202,
  response: replayView,
  problems: [denied('replays'), scopeUnknown(), complianceProfileNotFound(), momentInFuture()],
  example: {
    body: {
      rules: [{ pack: 'passwords', rule: 'password-short', mode: 'block' }],
      labelSelectors: [{}],
      moments: ['2026-11-21T16:51:34Z'],
    },
    response: { ...replayExample, ...waiting },
  },
});

export const replayed = defineEndpoint({
  method: 'GET',
  path: 'replays/:id',
  summary: 'What a replay has found so far',
  needs: 'read claviger/compliance/replays',
  params,
  response: replayView,
  problems: [denied('replays'), runNotFound()],
});
