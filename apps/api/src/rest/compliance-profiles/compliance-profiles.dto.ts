import { accessErrors } from '@claviger/features/access';
import {
  askedComplianceChanges,
  complianceErrors,
  askedComplianceSettings,
  MODES,
  SEVERITIES,
  slug,
} from '@claviger/features/compliance';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { instant } from '../../http/instant.js';
import { pageOf, pageQuery } from '../../http/page.js';
import { changeExample, changeView } from '../changes/changes.dto.js';
import { EXAMPLE } from '../examples.js';
import { reason } from '../secrets/secrets.dto.js';

const name = slug.meta({ description: 'Name of the compliance profile.', example: 'base' });
const params = z.object({ name });

/** A rule as it is in force. */
export const ruleView = z.object({
  id: z.string(),
  title: z.string(),
  severity: z.enum(SEVERITIES),
  mode: z.enum(MODES),
  types: z.array(z.string()).nullable().meta({ description: 'Types of secrets that it is about; null for all.' }),
  brokenWhen: z.record(z.string(), z.unknown()),
  remediation: z.string(),
});

export const ruleExample = {
  id: 'password-short',
  title: 'A password has at least 12 characters',
  severity: 'high',
  mode: 'warn',
  types: ['basic-auth'],
  brokenWhen: { all: [{ fact: 'valueLength', operator: 'in', value: ['1-7', '8-11'] }] },
  remediation: 'Generate a new password of 24 characters, and rotate it where it is used.',
};

const view = z
  .object({
    id: z.string(),
    name: z.string(),
    version: z.number().int(),
    description: z.string(),
    rules: z.array(
      ruleView.extend({ from: z.string().nullable().meta({ description: 'Pack and rule that it was taken from.' }) }),
    ),
    vaultProfiles: z.array(z.string()).meta({ description: 'Names.' }),
    labelSelectors: z.array(z.record(z.string(), z.string())),
    createdBy: z.object({ id: z.string(), name: z.string() }),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({
    id: 'ComplianceProfile',
    example: {
      id: '01a1ff05-5aaa-7e6a-8d0c-1f2e3d4c5b6a',
      name: 'base',
      version: 1,
      description: 'What holds everywhere',
      rules: [{ ...ruleExample, from: 'passwords/password-short' }],
      vaultProfiles: ['prod'],
      labelSelectors: [{ env: 'prod' }],
      createdBy: EXAMPLE.requester,
      createdAt: EXAMPLE.at,
      updatedAt: EXAMPLE.at,
    },
  });

const needs = (operation: string): string => `${operation} claviger/compliance-profiles/<name>`;
const denied = accessErrors.accessDenied('claviger/compliance-profiles/base', 'update');
const { complianceProfileExists, complianceProfileNotFound, staleComplianceProfile } = complianceErrors;
const changed = z.object({ change: changeView });
const changedExample = (act: string, result: object): unknown => ({
  change: {
    ...changeExample,
    kind: `compliance-profile.${act}`,
    secretId: null,
    subject: 'base',
    baseVersion: null,
    result: { name: 'base', ...result },
  },
});
const GATED = 'Where it judges what an approval profile gates, it waits for that: 202.';

export const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List compliance profiles by name',
  needs: 'list claviger/compliance-profiles/',
  query: z.strictObject(pageQuery),
  response: pageOf(view),
  problems: [denied],
});

export const create = defineEndpoint({
  method: 'POST',
  path: '',
  summary: 'Create a compliance profile',
  description: `Its rules judge the secrets of the vault profiles, and those with the labels, that it is assigned to. ${GATED}`,
  needs: needs('create'),
  body: askedComplianceSettings.extend({ name, reason }),
  status: 201,
  response: changed,
  mayBeAccepted: true,
  problems: [denied, complianceProfileExists('base')],
  example: {
    body: {
      name: 'base',
      rules: [
        { pack: 'passwords', mode: 'warn' },
        {
          id: 'no-team',
          title: 'It has a team',
          severity: 'low',
          mode: 'observe',
          brokenWhen: { all: [{ fact: 'labels', operator: 'equal', value: null, path: '$.team' }] },
          remediation: 'Set the label team.',
        },
      ],
      vaultProfiles: ['prod'],
      labelSelectors: [{ env: 'prod' }],
    },
    response: changedExample('create', { version: 1 }),
  },
});

export const get = defineEndpoint({
  method: 'GET',
  path: ':name',
  summary: 'Get a compliance profile',
  description: 'As it is in force, or as `version` said.',
  needs: needs('read'),
  params,
  query: z.strictObject({ version: z.coerce.number().int().min(1).max(2_147_483_647).optional() }),
  response: view,
  etag: 'revision',
  problems: [denied, complianceProfileNotFound()],
});

export const versions = defineEndpoint({
  method: 'GET',
  path: ':name/versions',
  summary: 'List the versions of a compliance profile',
  description: 'Newest first.',
  needs: needs('read'),
  params,
  query: z.strictObject(pageQuery),
  response: pageOf(view),
  problems: [denied, complianceProfileNotFound()],
});

export const update = defineEndpoint({
  method: 'PATCH',
  path: ':name',
  summary: 'Change a compliance profile',
  description: `What is absent stays; a list replaces the old one. Whatever it judges is looked at again. ${GATED}`,
  needs: needs('update'),
  params,
  body: askedComplianceChanges.extend({ reason }),
  ifMatch: 'revision',
  response: changed,
  mayBeAccepted: true,
  problems: [denied, complianceProfileNotFound(), staleComplianceProfile(4)],
  example: { body: { vaultProfiles: ['prod', 'stage'] }, response: changedExample('update', { version: 2 }) },
});

export const remove = defineEndpoint({
  method: 'DELETE',
  path: ':name',
  summary: 'Remove a compliance profile',
  description: `Its results and waivers stay known of the past. ${GATED}`,
  needs: needs('delete'),
  params,
  query: z.strictObject({ reason }),
  ifMatch: 'revision',
  response: changed,
  mayBeAccepted: true,
  problems: [denied, complianceProfileNotFound(), staleComplianceProfile(4)],
  example: { response: changedExample('remove', {}) },
});
