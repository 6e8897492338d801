import { accessErrors } from '@claviger/features/access';
import { complianceErrors, MODES, OUTCOMES, SEVERITIES, STATUS_KEYS } from '@claviger/features/compliance';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { instant, moment } from '../../http/instant.js';
import { pageOf, pageQuery } from '../../http/page.js';
import { optionalQueryFlag } from '../../http/query-flag.js';
import { ruleExample } from '../compliance-profiles/compliance-profiles.dto.js';
import { EXAMPLE } from '../examples.js';

const requester = z.object({ id: z.string(), name: z.string() });
const asOf = moment.optional().meta({ description: 'A past moment; now when it is left out.' });
const which = {
  secret: z.uuid().optional().meta({ description: 'Id of a secret.' }),
  vaultProfile: z.string().max(63).optional().meta({ description: 'Id or name of the vault profile.' }),
  owner: z.string().max(256).optional(),
  label: z.string().max(320).optional().meta({ description: '`key` or `key=value`.', example: 'team=payments' }),
};

const result = z
  .object({
    secretId: z.string(),
    secret: z.string(),
    type: z.string(),
    vaultProfile: z.string(),
    owner: z.string().nullable(),
    labels: z.record(z.string(), z.string()),
    version: z.number().int(),
    profileId: z.string(),
    profile: z.string(),
    profileVersion: z.number().int(),
    rule: z.string(),
    title: z.string(),
    severity: z.enum(SEVERITIES),
    mode: z.enum(MODES),
    remediation: z.string(),
    outcome: z.enum(OUTCOMES),
    since: instant,
    waiver: z
      .object({ id: z.string(), reason: z.string(), until: z.string(), requestedBy: requester })
      .nullable()
      .meta({ description: 'What excused it at that moment.' }),
  })
  .meta({
    id: 'ComplianceResult',
    example: {
      secretId: EXAMPLE.secretId,
      secret: 'shop/database',
      type: 'basic-auth',
      vaultProfile: 'prod',
      owner: null,
      labels: { team: 'payments' },
      version: 2,
      profileId: '01a1ff05-5aaa-7e6a-8d0c-1f2e3d4c5b6a',
      profile: 'base',
      profileVersion: 1,
      rule: ruleExample.id,
      title: ruleExample.title,
      severity: ruleExample.severity,
      mode: ruleExample.mode,
      remediation: ruleExample.remediation,
      outcome: 'broken',
      since: EXAMPLE.at,
      waiver: null,
    },
  });

const counts = z.object({
  low: z.number().int(),
  medium: z.number().int(),
  high: z.number().int(),
  critical: z.number().int(),
});
const status = z
  .object({
    key: z.string().meta({ description: 'Id of the secret or vault profile, or the owner; empty for nobody.' }),
    name: z.string(),
    secrets: z.number().int(),
    judged: z.number().int().meta({ description: 'Of them, those that a profile judged.' }),
    compliant: z.number().int().meta({ description: 'Of those, the ones that broke no rule without a waiver.' }),
    broken: counts.meta({ description: 'Broken rules without a waiver.' }),
    waived: z.number().int(),
  })
  .meta({
    id: 'ComplianceStatus',
    example: {
      key: '01a1ff05-3133-766e-9b9a-b2f5649fae28',
      name: 'prod',
      secrets: 42,
      judged: 42,
      compliant: 40,
      broken: { low: 0, medium: 1, high: 2, critical: 0 },
      waived: 1,
    },
  });

const { momentInFuture } = complianceErrors;

export const results = defineEndpoint({
  method: 'GET',
  path: 'results',
  summary: 'What rules find in secrets, now or at a past moment',
  description: 'Broken ones unless `outcome` says otherwise. What no profile judged at that moment is not there.',
  needs: 'read claviger/compliance/results',
  query: z.strictObject({
    ...pageQuery,
    asOf,
    ...which,
    profile: z.string().max(63).optional().meta({ description: 'Name of the compliance profile.' }),
    rule: z.string().max(63).optional(),
    severity: z.enum(SEVERITIES).optional(),
    outcome: z.enum([...OUTCOMES, 'any']).default('broken'),
    waived: optionalQueryFlag('Only those with, or without, a waiver.'),
  }),
  response: pageOf(result),
  problems: [accessErrors.accessDenied('claviger/compliance/results', 'read'), momentInFuture()],
});

export const statuses = defineEndpoint({
  method: 'GET',
  path: 'status',
  summary: 'How secrets stand, by secret, vault profile or owner',
  description: 'Now or at a past moment.',
  needs: 'read claviger/compliance/status',
  query: z.strictObject({
    ...pageQuery,
    asOf,
    by: z.enum(STATUS_KEYS).default('vaultProfile'),
    ...which,
  }),
  response: pageOf(status),
  problems: [accessErrors.accessDenied('claviger/compliance/status', 'read'), momentInFuture()],
});
