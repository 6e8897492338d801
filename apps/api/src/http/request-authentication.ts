import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { AppError, SecretValue, type RequestContext } from '@claviger/kernel';
import { AccessService } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import { Keyring } from '@claviger/platform/crypto';
import { HOP_HEADER, parseHops } from '@claviger/vaults/network';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ENDPOINT, takesIdempotencyKey, type EndpointDefinition } from './endpoint.js';
import { tokenMissing } from './http.errors.js';
import { IDEMPOTENCY_KEY, IdempotentPosts } from './idempotent-posts.js';
import { requestOf } from './request-of.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; set once the token was found good. */
    context?: RequestContext;
  }
}

/** Finds out who asks, before any controller runs. A route without an endpoint definition is refused. */
@Injectable()
export class RequestAuthentication implements CanActivate {
  constructor(
    private readonly access: AccessService,
    private readonly audit: AuditService,
    private readonly keyring: Keyring,
    private readonly posts: IdempotentPosts,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const endpoint = Reflect.getMetadata(ENDPOINT, context.getHandler()) as EndpointDefinition | undefined;
    if (!endpoint) throw new Error('A route without an endpoint definition.');
    if (endpoint.needs === 'public') return true;
    const request = requestOf(context);
    const token = findToken(request);
    try {
      if (!token) throw tokenMissing();
      const actor = await this.access.authenticate(token, request.ip);
      request.context = {
        requestId: request.id,
        storeId: this.keyring.rootStoreId,
        actor,
        remoteAddress: request.ip,
        ...hopsOf(request),
        ...(request.span && { trace: request.span.trace }),
      };
    } catch (error) {
      if (error instanceof AppError && error.kind === 'unauthenticated') this.audit.countUnauthenticated(request.ip);
      throw error;
    }
    if (request.headers[IDEMPOTENCY_KEY] !== undefined && takesIdempotencyKey(endpoint))
      this.posts.expect(endpoint, request.context, { request, reply: context.getArgByIndex<FastifyReply>(1) });
    return true;
  }
}

function hopsOf(request: FastifyRequest): Pick<RequestContext, 'hops'> {
  const header = request.headers[HOP_HEADER.toLowerCase()];
  return typeof header === 'string' ? { hops: parseHops(header) } : {};
}

function findToken(request: FastifyRequest): SecretValue | undefined {
  const vaultToken = request.headers['x-vault-token'];
  if (typeof vaultToken === 'string') return new SecretValue(vaultToken);
  const match = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '');
  return match?.[1] ? new SecretValue(match[1]) : undefined;
}
