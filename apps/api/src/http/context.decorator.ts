import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import type { FastifyRequest } from 'fastify';

/** The context of an authenticated request. */
export const Context = createParamDecorator((_: unknown, context: ExecutionContext): RequestContext => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  if (!request.context) throw new Error('A public route has no context.');
  return request.context;
});
