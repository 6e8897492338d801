import { accessErrors } from '@claviger/features/access';
import { notificationErrors, SUBSCRIPTION_LIMITS } from '@claviger/features/notifications';
import { principalErrors } from '@claviger/features/principals';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { instant } from '../../http/instant.js';
import { pageOf, pageQuery } from '../../http/page.js';
import { EXAMPLE } from '../examples.js';
import {
  deliveryExample,
  deliveryQuery,
  deliveryView,
  subscriptionName,
  subscriptionSettings,
} from '../notifications/notifications.dto.js';

const name = subscriptionName.meta({ example: 'on-call' });
const params = z.object({ name });

const settings = {
  url: z.string().max(SUBSCRIPTION_LIMITS.url).meta({
    description:
      'Where to post: https, or http within private networks. Whoever may read the webhook sees it, and what it is opened with if that stands in it.',
  }),
  caCertificate: z
    .string()
    .max(SUBSCRIPTION_LIMITS.certificates)
    .nullable()
    .meta({ description: 'PEM of the only authorities trusted for the address; null for those that Node trusts.' }),
  ...subscriptionSettings,
};

const example = { name: 'on-call', url: 'https://hooks.example/claviger', eventTypes: ['approval.*', 'change.failed'] };
const viewExample = {
  id: '01a1ff05-39f0-7a33-8b4c-3d4e5f6a7b8c',
  ...example,
  caCertificate: null,
  description: '',
  isEnabled: true,
  disabledReason: null,
  failingSince: null,
  previousSecretUntil: null,
  revision: 1,
  createdAt: EXAMPLE.at,
  updatedAt: EXAMPLE.at,
};

const view = z
  .object({
    id: z.string(),
    name: z.string(),
    ...settings,
    eventTypes: z.array(z.string()),
    disabledReason: z.enum(['gone', 'failing']).nullable().meta({
      description: 'Why Claviger disabled it: the receiver answered 410, or failed for five days.',
    }),
    failingSince: instant.nullable().meta({ description: 'The first failure since the last success.' }),
    previousSecretUntil: instant
      .nullable()
      .meta({ description: 'Until then messages are signed with the secret before, too.' }),
    revision: z.number().int(),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({ id: 'Webhook', description: 'Without its signing secret.', example: viewExample });

const withSecret = z.object({
  secret: z.string().meta({ description: 'What messages are signed with. It is in this answer and nowhere else.' }),
  details: view,
});
const secretExample = { secret: 'whsec_…', details: viewExample };

const needs = (operation: string): string => `${operation} claviger/webhooks/<name>`;
const { deliveryNotFound, deliveryPending, subscriptionExists, subscriptionNotFound } = notificationErrors;
const { inputInvalid, staleMatch } = principalErrors;
const denied = accessErrors.accessDenied('claviger/webhooks/on-call', 'update');
const notFound = subscriptionNotFound('webhook');
const invalid = inputInvalid('url', 'an https address is allowed');

export const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List webhooks by name',
  needs: 'list claviger/webhooks/',
  query: z.strictObject(pageQuery),
  response: pageOf(view),
  problems: [denied],
});

export const create = defineEndpoint({
  method: 'POST',
  path: '',
  summary: 'Create a webhook',
  description:
    'It hears of events of the whole store, whatever its creator may read: ids, names and codes, never a value. Messages ' +
    'follow the Standard Webhooks conventions.',
  needs: needs('create'),
  body: z
    .strictObject({ name, ...settings })
    .partial()
    .required({ name: true, url: true, eventTypes: true }),
  status: 201,
  response: withSecret,
  problems: [denied, invalid, subscriptionExists('webhook', 'on-call')],
  example: { body: example, response: secretExample },
});

export const get = defineEndpoint({
  method: 'GET',
  path: ':name',
  summary: 'Get a webhook',
  needs: needs('read'),
  params,
  response: view,
  etag: 'revision',
  problems: [denied, notFound],
});

export const update = defineEndpoint({
  method: 'PATCH',
  path: ':name',
  summary: 'Change a webhook',
  needs: needs('update'),
  params,
  body: z.strictObject(settings).partial(),
  ifMatch: 'revision',
  response: view,
  etag: 'revision',
  problems: [denied, invalid, notFound, staleMatch(4)],
  example: { body: { isEnabled: true } },
});

export const remove = defineEndpoint({
  method: 'DELETE',
  path: ':name',
  summary: 'Delete a webhook and its deliveries',
  needs: needs('delete'),
  params,
  ifMatch: 'revision',
  status: 204,
  problems: [denied, notFound, staleMatch(4)],
});

export const rotateSecret = defineEndpoint({
  method: 'POST',
  path: ':name/rotate-secret',
  summary: 'Replace the signing secret of a webhook',
  description: 'For 24 hours messages carry two signatures, of the new secret and of the one before.',
  needs: needs('update'),
  params,
  response: withSecret,
  problems: [denied, notFound],
  example: { response: secretExample },
});

export const ping = defineEndpoint({
  method: 'POST',
  path: ':name/ping',
  summary: 'Send `webhook.ping` now, and tell what became of it',
  description: 'Once, whether the webhook is enabled or not.',
  needs: needs('update'),
  params,
  response: z
    .object({ isDelivered: z.boolean(), statusCode: z.number().int().nullable(), error: z.string().nullable() })
    .meta({ id: 'WebhookPing', example: { isDelivered: true, statusCode: 204, error: null } }),
  problems: [denied, notFound],
});

export const listDeliveries = defineEndpoint({
  method: 'GET',
  path: ':name/deliveries',
  summary: 'List what was sent to a webhook, the newest first',
  description: 'Of the last 30 days.',
  needs: needs('read'),
  params,
  query: deliveryQuery,
  response: pageOf(deliveryView),
  problems: [denied, notFound],
});

export const replay = defineEndpoint({
  method: 'POST',
  path: ':name/deliveries/:id/replay',
  summary: 'Send a delivery again that was delivered or failed',
  description: 'With the same `webhook-id`, so that a receiver which has it already can tell.',
  needs: needs('update'),
  params: z.object({ name, id: z.uuid().meta({ example: deliveryExample.id }) }),
  response: deliveryView,
  problems: [denied, notFound, deliveryNotFound(), deliveryPending()],
});
