import { accessErrors } from '@claviger/features/access';
import { complianceErrors, slug, WAIVER_STATES } from '@claviger/features/compliance';
import { secretErrors } from '@claviger/features/secrets';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { instant, moment } from '../../http/instant.js';
import { pageOf, pageQuery } from '../../http/page.js';
import { changeExample, changeView } from '../changes/changes.dto.js';
import { EXAMPLE } from '../examples.js';
import { reason } from '../secrets/secrets.dto.js';

const waiverId = '01a1ff05-6bbb-7e6a-8d0c-1f2e3d4c5b6a';
const params = z.object({ id: z.uuid().meta({ description: 'Id of the waiver.', example: waiverId }) });
const requester = z.object({ id: z.string(), name: z.string() });

const view = z
  .object({
    id: z.string(),
    secretId: z.string(),
    secret: z.string(),
    vaultProfile: z.string(),
    profile: z.string(),
    profileId: z.string(),
    rule: z.string(),
    reason: z.string(),
    from: instant,
    until: instant,
    endedAt: instant.nullable().meta({ description: 'When it was taken back.' }),
    requestedBy: requester,
    endedBy: requester.nullable(),
    changeId: z.string(),
    state: z.enum(WAIVER_STATES),
  })
  .meta({
    id: 'Waiver',
    example: {
      id: waiverId,
      secretId: EXAMPLE.secretId,
      secret: 'shop/database',
      vaultProfile: 'prod',
      profile: 'base',
      profileId: '01a1ff05-5aaa-7e6a-8d0c-1f2e3d4c5b6a',
      rule: 'password-short',
      reason: 'the device takes 8 characters at most; replaced in March',
      from: EXAMPLE.at,
      until: '2027-03-31T00:00:00.000Z',
      endedAt: null,
      requestedBy: EXAMPLE.requester,
      endedBy: null,
      changeId: EXAMPLE.changeId,
      state: 'in_force',
    },
  });

const path = (operation: string): string => `${operation} claviger/compliance/waivers/<vault profile>/<name>`;
const denied = accessErrors.accessDenied('claviger/compliance/waivers/prod/shop/database', 'create');
const { momentInFuture, ruleNotFound, waiverExists, waiverInvalid, waiverNotFound } = complianceErrors;
const changed = z.object({ change: changeView });
const example = (act: string): unknown => ({
  change: { ...changeExample, kind: `compliance.${act}`, baseVersion: null, result: { waiverId } },
});

export const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List waivers',
  description: 'In the order in which they were granted; with `asOf` those that were in force then.',
  needs: 'list claviger/compliance/waivers/',
  query: z.strictObject({
    ...pageQuery,
    asOf: moment.optional(),
    secret: z.uuid().optional(),
    profile: z.string().max(63).optional(),
    rule: z.string().max(63).optional(),
    state: z.enum(WAIVER_STATES).optional(),
  }),
  response: pageOf(view),
  problems: [accessErrors.accessDenied('claviger/compliance/waivers/', 'list'), momentInFuture()],
});

export const create = defineEndpoint({
  method: 'POST',
  path: '',
  summary: 'Let a secret break a rule for a while',
  description:
    'At most for 366 days. It waits for approval, 202, where the vault profile of the secret gates waivers or attributes.',
  needs: path('create'),
  body: z.strictObject({
    secret: z.uuid().meta({ description: 'Id of the secret.', example: EXAMPLE.secretId }),
    profile: slug.meta({ description: 'Name of the compliance profile.', example: 'base' }),
    rule: slug.meta({ description: 'Id of the rule.', example: 'password-short' }),
    reason: z.string().trim().min(1).max(1_000).meta({ description: 'Why.', example: 'replaced in March' }),
    until: moment.meta({ description: 'When it ends.' }),
  }),
  status: 201,
  response: changed,
  mayBeAccepted: true,
  problems: [
    denied,
    secretErrors.secretNotFound(),
    ruleNotFound(),
    waiverExists(),
    waiverInvalid('It must end in the future, within 366 days.'),
  ],
  example: {
    body: {
      secret: EXAMPLE.secretId,
      profile: 'base',
      rule: 'password-short',
      reason: 'the device takes 8 characters at most; replaced in March',
      until: '2027-03-31T00:00:00Z',
    },
    response: example('waive'),
  },
});

export const get = defineEndpoint({
  method: 'GET',
  path: ':id',
  summary: 'Get a waiver',
  needs: path('read'),
  params,
  response: view,
  problems: [waiverNotFound()],
});

export const end = defineEndpoint({
  method: 'DELETE',
  path: ':id',
  summary: 'End a waiver now',
  description: 'Its past stays known.',
  needs: path('delete'),
  params,
  query: z.strictObject({ reason }),
  response: changed,
  mayBeAccepted: true,
  problems: [denied, waiverNotFound()],
  example: { response: example('end-waiver') },
});
