import { Controller, Res } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { accessErrors } from '@claviger/features/access';
import { principalErrors, PrincipalService, SELF, type PrincipalView } from '@claviger/features/principals';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Context } from '../../http/context.decorator.js';
import { defineEndpoint, Endpoint, type InputOf } from '../../http/endpoint.js';
import { inputInvalid } from '../../http/http.errors.js';
import { Input } from '../../http/input.decorator.js';
import { fromCursor, toPage, type Page } from '../../http/page.js';
import { passwordIn, principalName, secretText, userEndpoints } from '../principals.dto.js';
import { tagged } from '../tagged.js';
import { withoutUndefined } from '../without-undefined.js';

const { list, create, get, update, remove } = userEndpoints;

const setPassword = defineEndpoint({
  method: 'PUT',
  path: ':name/password',
  summary: 'Set a password',
  description: "It ends the user's tokens, except the one that this is asked with.",
  needs:
    'update claviger/users/<name>; sudo there for a user with policies that your own token does not have; ' +
    'the current password and nothing else for `self`',
  params: z.object({ name: principalName.meta({ description: 'Name of the user, or `self`.', example: 'ada' }) }),
  body: z.strictObject({
    password: passwordIn,
    currentPassword: secretText.optional().meta({ description: 'For `self` only, and needed there.' }),
  }),
  status: 204,
  problems: [
    accessErrors.accessDenied('claviger/users/ada', 'update'),
    principalErrors.policiesExceedOwn(),
    principalErrors.principalNotFound('user'),
    principalErrors.currentPasswordRefused(),
    principalErrors.loginBusy(),
  ],
  example: { body: { password: 'correct horse battery staple', currentPassword: 'the one before' } },
});

@Controller('api/v1/users')
export class UsersController {
  constructor(private readonly principals: PrincipalService) {}

  @Endpoint(list)
  async list(@Context() ctx: RequestContext, @Input() { query }: InputOf<typeof list>): Promise<Page<PrincipalView>> {
    const after = fromCursor(query.cursor, z.string().max(128));
    const rows = await this.principals.list(ctx, 'user', query.limit + 1, after);
    return toPage(rows, query.limit, ({ name }) => name);
  }

  @Endpoint(create)
  async create(
    @Context() ctx: RequestContext,
    @Input() { body }: InputOf<typeof create>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PrincipalView> {
    const user = await this.principals.create(ctx, 'user', withoutUndefined(body));
    void reply.header('location', `/api/v1/users/${user.name}`);
    return tagged(reply, user);
  }

  @Endpoint(get)
  async get(
    @Context() ctx: RequestContext,
    @Input() { params: { name } }: InputOf<typeof get>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PrincipalView> {
    return tagged(reply, await this.principals.get(ctx, 'user', name));
  }

  @Endpoint(update)
  async update(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, body, ifMatch }: InputOf<typeof update>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<PrincipalView> {
    return tagged(reply, await this.principals.update(ctx, 'user', name, withoutUndefined(body), ifMatch));
  }

  @Endpoint(remove)
  async remove(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, ifMatch }: InputOf<typeof remove>,
  ): Promise<void> {
    await this.principals.remove(ctx, 'user', name, ifMatch);
  }

  @Endpoint(setPassword)
  async setPassword(
    @Context() ctx: RequestContext,
    @Input() { params: { name }, body: { password, currentPassword } }: InputOf<typeof setPassword>,
  ): Promise<void> {
    if (name !== SELF) {
      if (currentPassword) throw currentPasswordWrong('is for your own password, at users/self/password');
      return this.principals.setPassword(ctx, name, password);
    }
    if (!currentPassword) throw currentPasswordWrong('is needed to change your own password');
    return this.principals.changeOwnPassword(ctx, currentPassword, password);
  }
}

const currentPasswordWrong = (message: string): Error => inputInvalid([{ pointer: '#/currentPassword', message }]);
