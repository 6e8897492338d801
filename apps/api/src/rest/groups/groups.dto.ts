import { accessErrors } from '@claviger/features/access';
import { principalErrors } from '@claviger/features/principals';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { instant } from '../../http/instant.js';
import { pageOf, pageQuery } from '../../http/page.js';
import { EXAMPLE } from '../examples.js';
import { policyNames, PRINCIPAL_KINDS, principalName } from '../principals.dto.js';

const name = principalName.meta({ example: 'team-payments' });
const description = z.string().max(256);
const params = z.object({ name });
const memberParams = z.object({
  name,
  member: principalName.meta({ description: 'Name of a user or service account.', example: 'ada' }),
});

const view = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    policies: z.array(z.string()),
    revision: z.number().int(),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({
    id: 'Group',
    example: {
      id: EXAMPLE.groupId,
      name: 'team-payments',
      description: 'Who runs the shop',
      policies: ['developer'],
      revision: 1,
      createdAt: EXAMPLE.at,
      updatedAt: EXAMPLE.at,
    },
  });

const memberView = z
  .object({
    id: z.string(),
    kind: z.enum(PRINCIPAL_KINDS),
    name: z.string(),
    displayName: z.string(),
    isDisabled: z.boolean(),
  })
  .meta({
    id: 'GroupMember',
    example: { id: EXAMPLE.userId, kind: 'user', name: 'ada', displayName: 'Ada Lovelace', isDisabled: false },
  });

const needs = (operation: string): string => `${operation} claviger/groups/<name>`;
const granting = '; sudo there for policies that your own token does not have';

const { groupExists, policiesExceedOwn, principalNotFound, staleMatch } = principalErrors;
const denied = accessErrors.accessDenied('claviger/groups/team-payments', 'update');
const notFound = principalNotFound('group');

export const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List groups by name',
  needs: 'list claviger/groups/',
  query: z.strictObject(pageQuery),
  response: pageOf(view),
  problems: [denied],
});

export const create = defineEndpoint({
  method: 'POST',
  isOneTransaction: true,
  path: '',
  summary: 'Create a group',
  needs: `${needs('create')}${granting}`,
  body: z.strictObject({ name, description: description.optional(), policies: policyNames.optional() }),
  status: 201,
  response: view,
  etag: 'revision',
  problems: [denied, policiesExceedOwn(), groupExists('team-payments')],
  example: { body: { name: 'team-payments', description: 'Who runs the shop', policies: ['developer'] } },
});

export const get = defineEndpoint({
  method: 'GET',
  path: ':name',
  summary: 'Get a group',
  needs: needs('read'),
  params,
  response: view,
  etag: 'revision',
  problems: [denied, notFound],
});

export const update = defineEndpoint({
  method: 'PATCH',
  path: ':name',
  summary: 'Change a group',
  description: 'It acts on the tokens of its members within a second.',
  needs: `${needs('update')}${granting}`,
  params,
  body: z.strictObject({ description: description.optional(), policies: policyNames.optional() }),
  ifMatch: 'revision',
  response: view,
  etag: 'revision',
  problems: [denied, policiesExceedOwn(), notFound, staleMatch(4)],
  example: { body: { policies: ['developer'] } },
});

export const remove = defineEndpoint({
  method: 'DELETE',
  path: ':name',
  summary: 'Delete a group',
  description: 'Its members are left without what it granted, within a second.',
  needs: needs('delete'),
  params,
  ifMatch: 'revision',
  status: 204,
  problems: [denied, notFound, staleMatch(4)],
});

export const listMembers = defineEndpoint({
  method: 'GET',
  path: ':name/members',
  summary: 'List the members of a group by name',
  needs: needs('read'),
  params,
  query: z.strictObject(pageQuery),
  response: pageOf(memberView),
  problems: [denied, notFound],
});

export const addMember = defineEndpoint({
  method: 'PUT',
  path: ':name/members/:member',
  summary: 'Add a member to a group',
  description: 'It acts on the tokens of the member within a second. Nothing happens when it is one already.',
  needs: `${needs('update')}${granting}`,
  params: memberParams,
  status: 204,
  problems: [denied, policiesExceedOwn(), notFound, principalNotFound('user')],
});

export const removeMember = defineEndpoint({
  method: 'DELETE',
  path: ':name/members/:member',
  summary: 'Remove a member from a group',
  description: 'It acts on the tokens of the member within a second. Nothing happens when it is none.',
  needs: needs('update'),
  params: memberParams,
  status: 204,
  problems: [denied, notFound, principalNotFound('user')],
});
