import { Controller } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { accessErrors, MAX_TTL_SECONDS } from '@claviger/features/access';
import { ClientCredentialService, principalErrors, type ClientCredentialView } from '@claviger/features/principals';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { instant } from '../../http/instant.js';
import { EXAMPLE } from '../examples.js';
import { principalName } from '../principals.dto.js';
import { withoutUndefined } from '../without-undefined.js';

const viewExample = {
  id: EXAMPLE.credentialId,
  label: 'pipelines of the shop',
  expiresAt: '2027-01-20T16:51:34.280Z',
  lastUsedAt: null,
  createdAt: EXAMPLE.at,
};
const view = z
  .object({
    id: z.string(),
    label: z.string(),
    expiresAt: instant.nullable(),
    lastUsedAt: instant.nullable(),
    createdAt: instant,
  })
  .meta({ id: 'ClientCredential', description: 'Without its secret, which is not kept.', example: viewExample });

const name = principalName.meta({ description: 'Name of the service account.', example: 'ci' });
const params = z.object({ name });

const { credentialNotFound, policiesExceedOwn, principalNotFound } = principalErrors;
const denied = accessErrors.accessDenied('claviger/service-accounts/ci', 'update');
const notFound = principalNotFound('service-account');

const list = defineEndpoint({
  method: 'GET',
  path: '',
  summary: 'List the credentials of a service account, oldest first',
  description: 'There are 20 at most, so they are one page.',
  needs: 'read claviger/service-accounts/<name>',
  params,
  response: z.object({ items: z.array(view) }).meta({ example: { items: [viewExample] } }),
  problems: [denied, notFound],
});
const create = defineEndpoint({
  method: 'POST',
  path: '',
  summary: 'Create a credential',
  description: 'The secret is in this answer and nowhere else.',
  needs:
    'update claviger/service-accounts/<name>; sudo there for an account with policies that your own token does not have',
  params,
  body: z.strictObject({
    label: z.string().max(256).optional().meta({ description: 'For people: where it is used.' }),
    ttlSeconds: z
      .number()
      .int()
      .min(1)
      .max(366 * 86_400)
      .optional()
      .meta({
        description: `After that it logs nobody in: ${MAX_TTL_SECONDS} seconds unless given.`,
      }),
  }),
  status: 201,
  response: z.object({ clientId: z.string(), clientSecret: z.string(), details: view }),
  isOneTransaction: true,
  answersSecret: true,
  problems: [denied, policiesExceedOwn(), notFound],
  example: {
    body: { label: viewExample.label, ttlSeconds: 5_184_000 },
    response: { clientId: EXAMPLE.serviceAccountId, clientSecret: 'cvgs_…', details: viewExample },
  },
});
const remove = defineEndpoint({
  method: 'DELETE',
  path: ':id',
  summary: 'Delete a credential',
  description: 'Tokens that were got with it stay.',
  needs: 'update claviger/service-accounts/<name>',
  params: z.object({
    name,
    id: z.string().min(1).max(64).meta({ description: 'Id of the credential.', example: EXAMPLE.credentialId }),
  }),
  status: 204,
  problems: [denied, notFound, credentialNotFound()],
});

@Controller('api/v1/service-accounts/:name/credentials')
export class ClientCredentialsController {
  constructor(private readonly credentials: ClientCredentialService) {}

  @Endpoint(list)
  async list(
    @Context() ctx: RequestContext,
    @Input() { params: { name } }: InputOf<typeof list>,
  ): Promise<{ readonly items: readonly ClientCredentialView[] }> {
    return { items: await this.credentials.list(ctx, name) };
  }

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, body }: InputOf<typeof create>,
  ): Promise<{ clientId: string; clientSecret: string; details: ClientCredentialView }> {
    const { clientId, clientSecret, view: details } = await this.credentials.create(ctx, name, withoutUndefined(body));
    return { clientId, clientSecret: clientSecret.reveal(), details };
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { name, id } }: InputOf<typeof remove>,
  ): Promise<void> {
    await this.credentials.remove(ctx, name, id);
  }
}
