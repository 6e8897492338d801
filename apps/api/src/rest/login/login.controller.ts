import { Controller, Req, Res } from '@nestjs/common';
import type { IssuedToken } from '@claviger/features/access';
import {
  LoginService,
  loginIssuerErrors,
  MAX_JWT_BYTES,
  principalErrors,
  type LoginOrigin,
} from '@claviger/features/principals';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { Input } from '../../http/input.decorator.js';
import { EXAMPLE } from '../examples.js';
import { principalName, secretText, secretTextUpTo } from '../principals.dto.js';
import { tokenExample, tokenView } from '../tokens/tokens.controller.js';

const description =
  'Every refusal is the same, whatever was wrong. The token is in this answer and nowhere else; it has at each moment ' +
  'the policies that whom it belongs to has then, which are not listed with it: see whoami.';
const response = z.object({ token: z.string(), details: tokenView });
const details = { ...tokenExample, policies: [] };
const { loginBusy, loginRefused } = principalErrors;

const withPassword = defineEndpoint({
  method: 'POST',
  path: 'password',
  summary: 'Log in as a user',
  description,
  needs: 'public',
  body: z.strictObject({
    name: z.string().min(1).max(128).meta({ description: 'Name of the user.' }),
    password: secretText,
  }),
  response,
  problems: [loginRefused(), loginBusy()],
  example: {
    body: { name: 'ada', password: 'correct horse battery staple' },
    response: { token: 'cvg_…', details: { ...details, displayName: 'Ada Lovelace', ttlSeconds: 43_200 } },
  },
});
const withClientCredential = defineEndpoint({
  method: 'POST',
  path: 'client-credential',
  summary: 'Log in as a service account',
  description,
  needs: 'public',
  body: z.strictObject({
    clientId: z.string().min(1).max(128).meta({ description: 'Id of the service account.' }),
    clientSecret: secretText,
  }),
  response,
  problems: [loginRefused()],
  example: {
    body: { clientId: EXAMPLE.serviceAccountId, clientSecret: 'cvgs_…' },
    response: { token: 'cvg_…', details },
  },
});
const withJwt = defineEndpoint({
  method: 'POST',
  path: 'jwt',
  summary: 'Log in with a JWT of a login issuer',
  description: `${description} The token cannot be renewed: show a new JWT when it has ended.`,
  needs: 'public',
  body: z.strictObject({
    issuer: principalName.meta({ description: 'Name of the login issuer.', example: 'corporate' }),
    token: secretTextUpTo(MAX_JWT_BYTES).meta({
      description: 'An ID token of OpenID Connect, or an access token that is a JWT.',
    }),
  }),
  response,
  problems: [loginRefused(), loginIssuerErrors.loginIssuerUnavailable(10_000)],
  example: {
    body: { issuer: 'corporate', token: 'eyJ…' },
    response: {
      token: 'cvg_…',
      details: { ...details, displayName: 'Ada Lovelace', ttlSeconds: 43_200, isRenewable: false },
    },
  },
});

/** Makes tokens for who has none yet. */
@Controller('api/v1/login')
export class LoginController {
  constructor(private readonly logins: LoginService) {}

  @Endpoint(withPassword)
  async withPassword(
    @Req() request: FastifyRequest,
    @Input() { body: { name, password } }: InputOf<typeof withPassword>,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await answer(reply, await this.logins.withPassword(originOf(request), name, password));
  }

  @Endpoint(withClientCredential)
  async withClientCredential(
    @Req() request: FastifyRequest,
    @Input() { body: { clientId, clientSecret } }: InputOf<typeof withClientCredential>,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await answer(reply, await this.logins.withClientCredential(originOf(request), clientId, clientSecret));
  }

  @Endpoint(withJwt)
  async withJwt(
    @Req() request: FastifyRequest,
    @Input() { body: { issuer, token } }: InputOf<typeof withJwt>,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await answer(reply, await this.logins.withJwt(originOf(request), issuer, token));
  }
}

function originOf({ id, ip }: FastifyRequest): LoginOrigin {
  return { requestId: id, remoteAddress: ip };
}

async function answer(reply: FastifyReply, { token, view }: IssuedToken): Promise<void> {
  await reply.status(200).send({ token: token.reveal(), details: view });
}
