import { accessErrors, MAX_TTL_SECONDS } from '@claviger/features/access';
import { ALGORITHMS, ISSUER_LIMITS, loginIssuerErrors, principalErrors } from '@claviger/features/principals';
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.js';
import { instant } from '../../http/instant.js';
import { pageOf, pageQuery } from '../../http/page.js';
import { EXAMPLE } from '../examples.js';
import { PRINCIPAL_KINDS, principalName } from '../principals.dto.js';

const name = principalName.meta({ example: 'corporate' });
const params = z.object({ name });
const linkParams = z.object({
  name,
  principal: principalName.meta({
    description: 'Name of a principal of the kind that the issuer logs in.',
    example: 'ada',
  }),
});

const L = ISSUER_LIMITS;
const claim = z.string().min(1).max(L.claim);
const values = z.array(z.union([z.string().min(1).max(L.value), z.int(), z.boolean()])).min(1);
const subject = z.string().min(1).max(256).meta({ description: 'What stands in the subject claim, letter by letter.' });

const fixed = {
  issuer: z.string().min(1).max(L.issuer).meta({ description: 'What `iss` must be, letter by letter.' }),
  subjectClaim: claim.meta({
    description:
      'The claim that tells subjects apart, `sub` unless given. Like a claim anywhere here: a name, or a JSON pointer (`/realm_access/roles`).',
  }),
  kind: z.enum(PRINCIPAL_KINDS).meta({ description: 'What its subjects are here; users unless given.' }),
};
const changeable = {
  audiences: z
    .array(z.string().min(1).max(L.issuer))
    .min(1)
    .max(L.audiences)
    .meta({ description: 'Of which `aud` must have one.' }),
  algorithms: z
    .array(z.enum(ALGORITHMS))
    .min(1)
    .max(ALGORITHMS.length)
    .meta({ description: 'What its tokens may be signed with; RS256 and ES256 unless given.' }),
  jwksUrl: z
    .string()
    .max(L.url)
    .nullable()
    .meta({ description: 'Where its keys are; null for where `<issuer>/.well-known/openid-configuration` says.' }),
  caCertificate: z
    .string()
    .max(L.certificates)
    .nullable()
    .meta({ description: 'PEM of the only authorities trusted for its addresses; null for those that Node trusts.' }),
  boundClaims: z
    .array(z.strictObject({ claim, values: values.max(L.values) }))
    .max(L.boundClaims)
    .meta({ description: 'Claims that must all have one of their values, or one of them in a list.' }),
  nameClaim: claim.meta({
    description: 'The claim that a principal is named by when it is made; the subject claim unless given.',
  }),
  displayNameClaim: claim.nullable().meta({ description: 'The claim that it is shown by.' }),
  groupsClaim: claim
    .nullable()
    .meta({ description: 'The claim that groupMappings is about: a text or a list of texts.' }),
  groupMappings: z
    .array(z.strictObject({ value: z.string().min(1).max(L.value), group: principalName }))
    .max(L.mappings)
    .meta({ description: 'Whoever has this value in the groups claim is in this group, from log-in to log-in.' }),
  provisions: z
    .boolean()
    .meta({ description: 'Whether a subject that is not known is made a principal; no unless given.' }),
  tokenTtlSeconds: z.int().min(1).max(MAX_TTL_SECONDS).nullable().meta({
    description: 'How long the tokens of its log-ins live, which cannot be renewed; null for the usual time.',
  }),
  leewaySeconds: z
    .int()
    .min(0)
    .max(L.leewaySeconds)
    .meta({ description: 'By how much its clock may differ; 30 unless given.' }),
  maxLifetimeSeconds: z
    .int()
    .min(60)
    .max(L.lifetimeSeconds)
    .meta({ description: 'The longest time from `iat` to `exp`; a day unless given.' }),
  isDisabled: z.boolean().meta({ description: 'Refuses log-ins; setting it ends the tokens of all whom it logs in.' }),
};

const example = {
  name: 'corporate',
  issuer: 'https://id.example/realms/corp',
  audiences: ['claviger'],
  groupsClaim: 'groups',
  groupMappings: [{ value: 'shop-operators', group: 'team-payments' }],
  boundClaims: [{ claim: 'email_verified', values: [true] }],
  nameClaim: 'preferred_username',
  provisions: true,
};

const view = z
  .object({
    id: z.string(),
    name: z.string(),
    ...fixed,
    ...changeable,
    revision: z.number().int(),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({
    id: 'LoginIssuer',
    example: {
      id: EXAMPLE.loginIssuerId,
      ...example,
      algorithms: ['RS256', 'ES256'],
      jwksUrl: null,
      caCertificate: null,
      subjectClaim: 'sub',
      displayNameClaim: null,
      kind: 'user',
      tokenTtlSeconds: null,
      leewaySeconds: 30,
      maxLifetimeSeconds: 86_400,
      isDisabled: false,
      revision: 1,
      createdAt: EXAMPLE.at,
      updatedAt: EXAMPLE.at,
    },
  });

const linkView = z
  .object({ kind: z.enum(PRINCIPAL_KINDS), name: z.string(), subject, createdAt: instant })
  .meta({ id: 'LoginLink', example: { kind: 'user', name: 'ada', subject: '248289761001', createdAt: EXAMPLE.at } });

const needs = (operation: string): string => `${operation} claviger/login-issuers/<name>`;
const granting =
  '; update claviger/groups/<group> for each group mapped, create claviger/users/ if it provisions, update ' +
  'claviger/users/<principal> for each that is linked (service-accounts likewise); sudo there for policies of these ' +
  'groups and principals that your own token does not have';

const { policiesExceedOwn, principalNotFound, staleMatch } = principalErrors;
const { loginIssuerExists, loginIssuerNotFound, loginLinkExists, loginLinkNotFound } = loginIssuerErrors;
const denied = accessErrors.accessDenied('claviger/login-issuers/corporate', 'update');
const notFound = loginIssuerNotFound();

export const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List login issuers by name',
  needs: 'list claviger/login-issuers/',
  query: z.strictObject(pageQuery),
  response: pageOf(view),
  problems: [denied],
});

export const create = defineEndpoint({
  method: 'POST',
  path: '',
  summary: 'Create a login issuer',
  description: 'Whose tokens log in at `/login/jwt`. Its keys are fetched at the first log-in.',
  needs: `${needs('create')}${granting}`,
  body: z
    .strictObject({ name, ...fixed, ...changeable })
    .partial()
    .required({ name: true, issuer: true, audiences: true }),
  status: 201,
  response: view,
  etag: 'revision',
  problems: [denied, policiesExceedOwn(), loginIssuerExists('corporate')],
  example: { body: example },
});

export const get = defineEndpoint({
  method: 'GET',
  path: ':name',
  summary: 'Get a login issuer',
  needs: needs('read'),
  params,
  response: view,
  etag: 'revision',
  problems: [denied, notFound],
});

export const update = defineEndpoint({
  method: 'PATCH',
  path: ':name',
  summary: 'Change a login issuer',
  description:
    'A group that is mapped no more loses whom the issuer put into it, within a second; any other change of the mapping ' +
    'acts at the next log-in of each. Issuer, subject claim and kind never change: make another one.',
  needs: `${needs('update')}${granting}; no more than update to disable it`,
  params,
  body: z.strictObject(changeable).partial(),
  ifMatch: 'revision',
  response: view,
  etag: 'revision',
  problems: [denied, policiesExceedOwn(), notFound, staleMatch(4)],
  example: { body: { groupMappings: [] } },
});

export const remove = defineEndpoint({
  method: 'DELETE',
  path: ':name',
  summary: 'Delete a login issuer',
  description:
    'Those whom it logged in stay, without this way in and without the groups that it gave them; every process refuses ' +
    'their tokens within a second.',
  needs: needs('delete'),
  params,
  ifMatch: 'revision',
  status: 204,
  problems: [denied, notFound, staleMatch(4)],
});

export const listLinks = defineEndpoint({
  method: 'GET',
  path: ':name/links',
  summary: 'List whom the subjects of a login issuer stand for, by name',
  needs: needs('read'),
  params,
  query: z.strictObject(pageQuery),
  response: pageOf(linkView),
  problems: [denied, notFound],
});

export const link = defineEndpoint({
  method: 'PUT',
  path: ':name/links/:principal',
  summary: 'Let a subject of a login issuer log in as a principal',
  description:
    'A subject stands for one principal, and a principal for one subject. Nothing happens when it is so already.',
  needs:
    `${needs('update')} and update claviger/users/<principal> (or service-accounts); sudo on either for what the groups ` +
    'mapped or the principal have and your own token does not',
  params: linkParams,
  body: z.strictObject({ subject }),
  status: 204,
  problems: [denied, policiesExceedOwn(), notFound, principalNotFound('user'), loginLinkExists()],
  example: { body: { subject: '248289761001' } },
});

export const unlink = defineEndpoint({
  method: 'DELETE',
  path: ':name/links/:principal',
  summary: 'Stop a subject of a login issuer from logging in as a principal',
  description:
    'Every process refuses the tokens of the principal within a second, and the groups that came from the issuer are left.',
  needs: `${needs('update')} and update claviger/users/<principal> (or service-accounts)`,
  params: linkParams,
  status: 204,
  problems: [denied, notFound, principalNotFound('user'), loginLinkNotFound()],
});
