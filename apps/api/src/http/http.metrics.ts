import { LabelSet, METRICS, type HistogramSeries } from '@claviger/platform/metrics';
import type { FastifyInstance, RouteOptions } from 'fastify';
import { operationId } from './openapi-operation.js';

const OPERATIONS = new LabelSet(['none']);
const STATUSES = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

const SECONDS = METRICS.histogram({
  name: 'claviger_http_request_seconds',
  help: 'Requests and how long they took, by operation (as in the API description; none: there is nothing at the address) and class of status.',
  labels: { operation: OPERATIONS, status: STATUSES },
});

type Reply = { readonly statusCode: number; readonly elapsedTime: number };

/**
 * Counts and times every request. What a route needs for it is prepared when the route is made; nothing of a request but its
 * status is looked at. To be called before there are routes.
 */
export function measureRequests(server: FastifyInstance): void {
  server.addHook('onRoute', (route) => {
    const observe = observerOf(operationOf(route));
    const before = [route.onResponse ?? []].flat();
    route.onResponse = [
      ...before,
      (_request, reply, done) => {
        observe(reply);
        done();
      },
    ];
  });
  const observeNone = observerOf('none');
  server.addHook('onResponse', (request, reply, done) => {
    if (request.is404) observeNone(reply);
    done();
  });
}

/** A HEAD is the GET that it is made of. */
function operationOf({ method, url }: RouteOptions): string {
  const [first = 'GET'] = [method].flat();
  return operationId({ method: first === 'HEAD' ? 'GET' : first, url });
}

function observerOf(operation: string): (reply: Reply) => void {
  OPERATIONS.declare(operation);
  // By the first digit of the status.
  const byClass: (HistogramSeries | undefined)[] = [];
  return ({ statusCode, elapsedTime }) => {
    const first = Math.floor(statusCode / 100);
    const series = (byClass[first] ??= SECONDS.of({ operation, status: `${first}xx` }));
    series.observe(elapsedTime / 1_000);
  };
}
