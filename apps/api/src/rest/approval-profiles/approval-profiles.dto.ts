import { accessErrors } from '@claviger/features/access';
import { approvalChanges, approvalErrors, approvalSettings } from '@claviger/features/approvals';
import { GATED_KINDS } from '@claviger/features/changes';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { instant } from '../../http/instant.js';
import { pageOf, pageQuery } from '../../http/page.js';
import { changeExample, changeView } from '../changes/changes.dto.js';
import { EXAMPLE } from '../examples.js';
import { reason } from '../secrets/secrets.dto.js';

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9, ".", "_" and "-", the first a letter or digit')
  .meta({ description: 'Name of the approval profile.', example: 'four-eyes' });
const params = z.object({ name });

export const stepView = z.object({
  users: z.array(z.string()),
  groups: z.array(z.string()),
  policies: z.array(z.string()),
  votes: z.number().int(),
  expiresAfterSeconds: z.number().int(),
});
const step = { users: [], groups: ['security'], policies: [], votes: 1, expiresAfterSeconds: 259_200 };

const view = z
  .object({
    id: z.string(),
    name: z.string(),
    version: z.number().int(),
    description: z.string(),
    kinds: z.array(z.enum(GATED_KINDS)),
    condition: z.record(z.string(), z.unknown()).nullable(),
    steps: z.array(stepView),
    createdBy: z.object({ id: z.string(), name: z.string() }),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({
    id: 'ApprovalProfile',
    example: {
      id: '01a1ff05-40aa-7e6a-8d0c-1f2e3d4c5b6a',
      name: 'four-eyes',
      version: 1,
      description: 'Production of the shop',
      kinds: ['content', 'delete'],
      condition: { all: [{ fact: 'labels', operator: 'equal', value: 'prod', path: '$.env' }] },
      steps: [step],
      createdBy: EXAMPLE.requester,
      createdAt: EXAMPLE.at,
      updatedAt: EXAMPLE.at,
    },
  });

const needs = (operation: string): string => `${operation} claviger/approval-profiles/<name>`;
const denied = accessErrors.accessDenied('claviger/approval-profiles/four-eyes', 'update');
const { approvalProfileExists, approvalProfileInUse, approvalProfileNotFound, staleApprovalProfile, tooFewVoters } =
  approvalErrors;
const undecidable = tooFewVoters({ steps: [0], voters: 1, votes: 1 });
const waiting = z.object({ change: changeView });
const waitingExample = (act: string): unknown => ({
  change: {
    ...changeExample,
    kind: `approval-profile.${act}`,
    state: 'pending_approval',
    secretId: null,
    subject: 'four-eyes',
    baseVersion: null,
    result: null,
    attempts: 0,
    endedAt: null,
  },
});

export const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List approval profiles by name',
  needs: 'list claviger/approval-profiles/',
  query: z.strictObject(pageQuery),
  response: pageOf(view),
  problems: [denied],
});

export const create = defineEndpoint({
  method: 'POST',
  isOneTransaction: true,
  path: '',
  summary: 'Create an approval profile',
  description:
    'It gates nothing until it is assigned to a vault profile. From then on, changing it waits for its own voters.',
  needs: needs('create'),
  body: approvalSettings.extend({ name }),
  status: 201,
  response: view,
  etag: 'revision',
  problems: [denied, undecidable, approvalProfileExists('four-eyes')],
  example: { body: { name: 'four-eyes', kinds: ['content', 'delete'], steps: [{ groups: ['security'], votes: 1 }] } },
});

export const get = defineEndpoint({
  method: 'GET',
  path: ':name',
  summary: 'Get an approval profile',
  description: 'As it is in force, or as `version` said.',
  needs: needs('read'),
  params,
  query: z.strictObject({ version: z.coerce.number().int().min(1).max(2_147_483_647).optional() }),
  response: view,
  etag: 'revision',
  problems: [denied, approvalProfileNotFound()],
});

export const versions = defineEndpoint({
  method: 'GET',
  path: ':name/versions',
  summary: 'List the versions of an approval profile',
  description: 'Newest first.',
  needs: needs('read'),
  params,
  query: z.strictObject(pageQuery),
  response: pageOf(view),
  problems: [denied, approvalProfileNotFound()],
});

export const update = defineEndpoint({
  method: 'PATCH',
  path: ':name',
  summary: 'Change an approval profile',
  description: 'The new version is in force once the voters of the present one have approved it.',
  needs: needs('update'),
  params,
  body: approvalChanges.extend({ reason }),
  ifMatch: 'revision',
  status: 202,
  response: waiting,
  problems: [denied, undecidable, approvalProfileNotFound(), staleApprovalProfile(4)],
  example: { body: { kinds: ['create', 'content', 'delete'] }, response: waitingExample('update') },
});

export const remove = defineEndpoint({
  method: 'DELETE',
  path: ':name',
  summary: 'Remove an approval profile',
  description: 'Refused while it is assigned; else it waits for its own voters.',
  needs: needs('delete'),
  params,
  query: z.strictObject({ reason }),
  ifMatch: 'revision',
  status: 202,
  response: waiting,
  problems: [denied, approvalProfileNotFound(), approvalProfileInUse('four-eyes', ['prod']), staleApprovalProfile(4)],
  example: { response: waitingExample('remove') },
});
