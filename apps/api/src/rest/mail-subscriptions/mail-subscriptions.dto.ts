import { accessErrors } from '@claviger/features/access';
import { notificationErrors, SUBSCRIPTION_LIMITS } from '@claviger/features/notifications';
import { principalErrors } from '@claviger/features/principals';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { instant } from '../../http/instant.js';
import { pageOf, pageQuery } from '../../http/page.js';
import { EXAMPLE } from '../examples.js';
import {
  deliveryQuery,
  deliveryView,
  subscriptionName,
  subscriptionSettings,
} from '../notifications/notifications.dto.js';

const name = subscriptionName.meta({ example: 'approvers' });
const params = z.object({ name });

const settings = {
  address: z
    .string()
    .min(3)
    .max(SUBSCRIPTION_LIMITS.address)
    .meta({ description: 'One address, of a person or a list.' }),
  ...subscriptionSettings,
};
const example = { name: 'approvers', address: 'approvers@shop.example', eventTypes: ['approval.*'] };

const view = z
  .object({
    id: z.string(),
    name: z.string(),
    ...settings,
    eventTypes: z.array(z.string()),
    revision: z.number().int(),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({
    id: 'MailSubscription',
    example: {
      id: '01a1ff05-39f8-7b44-9c5d-4e5f6a7b8c9d',
      ...example,
      description: '',
      isEnabled: true,
      revision: 1,
      createdAt: EXAMPLE.at,
      updatedAt: EXAMPLE.at,
    },
  });

const needs = (operation: string): string => `${operation} claviger/mail-subscriptions/<name>`;
const { inputInvalid, staleMatch } = principalErrors;
const denied = accessErrors.accessDenied('claviger/mail-subscriptions/approvers', 'update');
const notFound = notificationErrors.subscriptionNotFound('mail');
const invalid = inputInvalid('address', 'one e-mail address is allowed, without a display name');

export const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List mail subscriptions by name',
  needs: 'list claviger/mail-subscriptions/',
  query: z.strictObject(pageQuery),
  response: pageOf(view),
  problems: [denied],
});

export const create = defineEndpoint({
  method: 'POST',
  path: '',
  summary: 'Create a mail subscription',
  description:
    'Its address hears of events of the whole store, whatever its creator may read: type, name, time and a link. Mail waits ' +
    'while no mail server is configured.',
  needs: needs('create'),
  body: z
    .strictObject({ name, ...settings })
    .partial()
    .required({ name: true, address: true, eventTypes: true }),
  status: 201,
  response: view,
  etag: 'revision',
  problems: [denied, invalid, notificationErrors.subscriptionExists('mail', 'approvers')],
  example: { body: example },
});

export const get = defineEndpoint({
  method: 'GET',
  path: ':name',
  summary: 'Get a mail subscription',
  needs: needs('read'),
  params,
  response: view,
  etag: 'revision',
  problems: [denied, notFound],
});

export const update = defineEndpoint({
  method: 'PATCH',
  path: ':name',
  summary: 'Change a mail subscription',
  needs: needs('update'),
  params,
  body: z.strictObject(settings).partial(),
  ifMatch: 'revision',
  response: view,
  etag: 'revision',
  problems: [denied, invalid, notFound, staleMatch(4)],
  example: { body: { isEnabled: false } },
});

export const remove = defineEndpoint({
  method: 'DELETE',
  path: ':name',
  summary: 'Delete a mail subscription and its deliveries',
  needs: needs('delete'),
  params,
  ifMatch: 'revision',
  status: 204,
  problems: [denied, notFound, staleMatch(4)],
});

export const listDeliveries = defineEndpoint({
  method: 'GET',
  path: ':name/deliveries',
  summary: 'List what was mailed, the newest first',
  description: 'Of the last 30 days.',
  needs: needs('read'),
  params,
  query: deliveryQuery,
  response: pageOf(deliveryView),
  problems: [denied, notFound],
});
