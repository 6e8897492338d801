import { SecretValue, type AppError } from '@claviger/kernel';
import { accessErrors, MAX_TTL_SECONDS } from '@claviger/features/access';
import { MIN_PASSWORD, principalErrors } from '@claviger/features/principals';
import { z } from 'zod';
import { defineEndpoint } from '../http/endpoint.js';
import { instant } from '../http/instant.js';
import { pageOf, pageQuery } from '../http/page.js';
import { EXAMPLE } from './examples.js';

/** What a principal can be. */
export const PRINCIPAL_KINDS = ['user', 'service-account'] as const;

/** The name of a user, service account or group. Which names there can be, the services say. */
export const principalName = z.string().min(1).max(128).meta({
  description: 'Of `a-z`, `0-9`, `.`, `_`, `@` and `-`; it never changes.',
  example: 'ada',
});
/** What a principal or group is given. */
export const policyNames = z
  .array(z.string().min(1).max(128))
  .max(64)
  .meta({ description: 'Names of policies.', example: ['developer'] });
const displayName = z.string().min(1).max(256).meta({ description: 'For people.' });
const tokenTtlSeconds = z.number().int().min(1).max(MAX_TTL_SECONDS).meta({
  description: 'How long the tokens of log-ins live: 12 hours for users and one for service accounts, unless given.',
});

/** Longest text that is taken as a password or client secret, in bytes of UTF-8. */
const MAX_SECRET_BYTES = 1_024;

/** A secret text of at most so many bytes of UTF-8, on its way in: wrapped by the body decoder before validation. */
export const secretTextUpTo = (maxBytes: number) =>
  z
    .custom<SecretValue<string>>(
      (value) => isSecretText(value, maxBytes),
      `must be a text of at most ${maxBytes} bytes`,
    )
    .meta({ override: { type: 'string', writeOnly: true, 'x-maxBytes': maxBytes }, example: '…' });

/** A password or client secret. */
export const secretText = secretTextUpTo(MAX_SECRET_BYTES);

/** A password that is to be set. */
export const passwordIn = secretText.meta({
  override: { type: 'string', writeOnly: true, minLength: MIN_PASSWORD, 'x-maxBytes': MAX_SECRET_BYTES },
  description: `At least ${MIN_PASSWORD} characters.`,
  example: 'correct horse battery staple',
});

/** What makes a principal of either kind. */
export const newPrincipal = z.strictObject({
  name: principalName,
  displayName: displayName.optional(),
  policies: policyNames.optional(),
  tokenTtlSeconds: tokenTtlSeconds.optional(),
});

const principalChanges = z.strictObject({
  displayName: displayName.optional(),
  policies: policyNames.optional(),
  isDisabled: z.boolean().optional().meta({ description: 'Refuses log-ins, and the tokens that there are.' }),
  tokenTtlSeconds: tokenTtlSeconds.nullable().optional(),
});

const principalView = z.object({
  id: z.string(),
  name: z.string(),
  displayName: z.string(),
  policies: z.array(z.string()).meta({ description: 'Its own; those of its groups come on top.' }),
  groups: z.array(z.string()),
  isDisabled: z.boolean(),
  tokenTtlSeconds: z.number().int().nullable(),
  lockedUntil: instant.nullable().meta({ description: 'Log-ins rest until then, after several wrong passwords.' }),
  lastLoginAt: instant.nullable(),
  revision: z.number().int(),
  createdAt: instant,
  updatedAt: instant,
});

const EXAMPLE_STATE = {
  policies: ['developer'],
  groups: ['team-payments'],
  isDisabled: false,
  tokenTtlSeconds: null,
  lockedUntil: null,
  lastLoginAt: EXAMPLE.later,
  revision: 1,
  createdAt: EXAMPLE.at,
  updatedAt: EXAMPLE.at,
};

type Words = {
  readonly id: 'User' | 'ServiceAccount';
  readonly resource: 'users' | 'service-accounts';
  readonly one: string;
  readonly many: string;
  readonly example: { readonly id: string; readonly name: string; readonly displayName: string };
  /** What making one is refused with, besides what both are. */
  readonly refusals: readonly AppError[];
};

const users: Words = {
  id: 'User',
  resource: 'users',
  one: 'a user',
  many: 'users',
  example: { id: EXAMPLE.userId, name: 'ada', displayName: 'Ada Lovelace' },
  refusals: [principalErrors.loginBusy()],
};
const serviceAccounts: Words = {
  id: 'ServiceAccount',
  resource: 'service-accounts',
  one: 'a service account',
  many: 'service accounts',
  example: { id: EXAMPLE.serviceAccountId, name: 'ci', displayName: 'Pipelines' },
  refusals: [],
};

const { policiesExceedOwn, principalExists, principalNotFound, staleMatch } = principalErrors;

/** The five endpoints that both kinds of principals have; they differ in what makes one. */
function principalEndpoints<B extends z.ZodObject>(words: Words, body: B, exampleOfBody: object) {
  const { id, resource, one, many, example, refusals } = words;
  const view = principalView.meta({ id, example: { ...example, ...EXAMPLE_STATE } });
  const params = z.object({ name: principalName.meta({ example: example.name }) });
  const needs = (operation: string): string => `${operation} claviger/${resource}/<name>`;
  const granting = '; sudo there for policies that your own token does not have';
  const denied = accessErrors.accessDenied(`claviger/${resource}/${example.name}`, 'update');
  const notFound = principalNotFound(resource === 'users' ? 'user' : 'service-account');
  return {
    list: defineEndpoint({
      method: 'GET',
      path: '',
      summary: `List ${many} by name`,
      needs: `list claviger/${resource}/`,
      query: z.strictObject(pageQuery),
      response: pageOf(view),
      problems: [denied],
    }),
    create: defineEndpoint({
      method: 'POST',
      isOneTransaction: true,
      path: '',
      summary: `Create ${one}`,
      description: 'Users and service accounts share their names.',
      needs: `${needs('create')}${granting}`,
      body,
      status: 201,
      response: view,
      etag: 'revision',
      problems: [denied, policiesExceedOwn(), principalExists(example.name), ...refusals],
      example: { body: exampleOfBody },
    }),
    get: defineEndpoint({
      method: 'GET',
      path: ':name',
      summary: `Get ${one}`,
      needs: needs('read'),
      params,
      response: view,
      etag: 'revision',
      problems: [denied, notFound],
    }),
    update: defineEndpoint({
      method: 'PATCH',
      path: ':name',
      summary: `Change ${one}`,
      description: 'It acts on the tokens of log-ins within a second.',
      needs: `${needs('update')}${granting}`,
      params,
      body: principalChanges,
      ifMatch: 'revision',
      response: view,
      etag: 'revision',
      problems: [denied, policiesExceedOwn(), notFound, staleMatch(4)],
      example: { body: { policies: ['developer'], tokenTtlSeconds: null } },
    }),
    remove: defineEndpoint({
      method: 'DELETE',
      path: ':name',
      summary: `Delete ${one}`,
      description: 'Every process refuses its tokens within a second.',
      needs: needs('delete'),
      params,
      ifMatch: 'revision',
      status: 204,
      problems: [denied, notFound, staleMatch(4)],
    }),
  };
}

/** Those of users. */
export const userEndpoints = principalEndpoints(users, newPrincipal.extend({ password: passwordIn.optional() }), {
  name: 'ada',
  displayName: 'Ada Lovelace',
  policies: ['developer'],
  password: 'correct horse battery staple',
});

/** Those of service accounts. */
export const serviceAccountEndpoints = principalEndpoints(serviceAccounts, newPrincipal, {
  name: 'ci',
  displayName: 'Pipelines',
  policies: ['developer'],
});

function isSecretText(value: unknown, maxBytes: number): boolean {
  const text: unknown = value instanceof SecretValue ? value.reveal() : undefined;
  return typeof text === 'string' && Buffer.byteLength(text) <= maxBytes;
}
