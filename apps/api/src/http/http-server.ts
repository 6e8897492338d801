import { newId } from '@claviger/kernel';
import { HealthRegistry } from '@claviger/platform/telemetry';
import { HOP_HEADER, hopsThrough } from '@claviger/vaults/network';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { measureRequests } from './http.metrics.js';
import { shuttingDown, vaultLoop } from './http.errors.js';
import { BODY_LIMIT_BYTES } from './json-body.js';
import { ProblemFilter } from './problem.filter.js';
import { fromFramework, toProblem } from './problem.js';
import { traceRequests } from './request-tracing.js';
import { secureContextOf, type TlsMaterial } from './tls-files.js';

/** Time that a client may take to send a request. */
const REQUEST_TIMEOUT_MS = 60_000;

export type HttpOptions = {
  /** Plain HTTP without. */
  readonly tls?: TlsMaterial | undefined;
  /** Who is believed about whom a request came from; nobody unless given. */
  readonly trustedProxies?: readonly string[];
};

/** Fastify as Claviger wants it: own request ids, bodies left as bytes for our own strict decoder, nothing logged by itself. */
export function createHttpAdapter({ tls, trustedProxies = [] }: HttpOptions = {}): FastifyAdapter {
  return new FastifyAdapter({
    logger: false,
    genReqId: () => newId(),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: 75_000,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 2_048, ignoreTrailingSlash: false },
    skipMiddie: true,
    // Fastify's own answer is no problem document; ours is in the hook below.
    return503OnClosing: false,
    frameworkErrors: answerBadAddress,
    ...(trustedProxies.length > 0 && { trustProxy: [...trustedProxies] }),
    ...(tls && overTls(tls)),
  });
}

/** Fastify's option for it. An `object`, because the adapter's types know only servers without. */
function overTls(tls: TlsMaterial): object {
  const isClientKnown = tls.ca !== undefined;
  return { https: { ...secureContextOf(tls), requestCert: isClientKnown, rejectUnauthorized: isClientKnown } };
}

/** Fastify itself would quote the address, in which anything may stand. */
function answerBadAddress(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  answer(fromFramework(error), request, reply);
}

/** Answers a request that gets no further. */
function answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const problem = toProblem(error, request.id);
  void reply
    .status(problem.status)
    .headers({ 'content-type': 'application/problem+json', 'cache-control': 'no-store', 'x-request-id': request.id })
    .send(JSON.stringify(problem));
}

/** Hooks and parsers that every surface shares. */
export function configureHttp(app: NestFastifyApplication, installationId: string): void {
  const server = app.getHttpAdapter().getInstance();
  measureRequests(server);
  traceRequests(server);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  let isStopping = false;
  server.addHook('preClose', (done) => {
    isStopping = true;
    done();
  });
  const health = app.get(HealthRegistry);
  server.addHook('onRequest', (request, reply, done) => {
    // The client's next request then goes to whoever takes over.
    if (health.isLeaving) void reply.header('connection', 'close');
    if (isStopping) return answer(shuttingDown(), request, reply);
    void reply.header('x-request-id', request.id);
    void reply.header('cache-control', 'no-store');
    void reply.header('x-content-type-options', 'nosniff');
    const hops = request.headers[HOP_HEADER.toLowerCase()];
    if (typeof hops === 'string' && hopsThrough(hops, installationId)) return done(vaultLoop());
    done();
  });
  app.useGlobalFilters(app.get(ProblemFilter));
}
