import { parseTraceParent } from '@claviger/kernel';
import { TRACING, type OpenSpan } from '@claviger/platform/tracing';
import type { FastifyInstance } from 'fastify';
import { operationId } from './openapi-operation.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** While traces are told. */
    span?: OpenSpan | undefined;
  }
}

/** Traces every request, as a part of what its `traceparent` names. Does nothing unless traces are told. */
export function traceRequests(server: FastifyInstance): void {
  if (!TRACING.isOn) return;
  server.addHook('onRequest', (request, _reply, done) => {
    const { method, url = '' } = request.routeOptions;
    const operation = request.is404 ? 'none' : operationId({ method: [method].flat()[0] ?? '', url });
    request.span = TRACING.start({
      name: operation,
      kind: 'server',
      parent: parseTraceParent(request.headers['traceparent']),
      attributes: { 'claviger.operation': operation, 'claviger.request_id': request.id },
    });
    done();
  });
  server.addHook('onResponse', (request, { statusCode }, done) => {
    const attributes = { 'http.response.status_code': statusCode };
    request.span?.end({ attributes, ...(statusCode >= 500 && { errorCode: String(statusCode) }) });
    done();
  });
}
