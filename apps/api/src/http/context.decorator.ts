import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import { requestOf } from './request-of.js';

/** The context of an authenticated request. */
export const Context = createParamDecorator((_: unknown, context: ExecutionContext): RequestContext => {
  const { context: ctx } = requestOf(context);
  if (!ctx) throw new Error('A public route has no context.');
  return ctx;
});
