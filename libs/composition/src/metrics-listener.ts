import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { AppError } from '@claviger/kernel';
import { METRICS, METRICS_CONTENT_TYPE, type MetricRegistry } from '@claviger/platform/metrics';
import type { HealthRegistry, Logger } from '@claviger/platform/telemetry';

const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 50;

export type MetricsAddress = { readonly host: string; readonly port: number };

export type MetricsListenerDependencies = {
  readonly health: HealthRegistry;
  readonly logger: Logger;
  readonly metrics?: MetricRegistry;
};

type Answer = { readonly status: number; readonly type: string; readonly body: string };

/**
 * Tells metrics and health to whoever reaches its address: for Prometheus, and for what looks after processes. It has no
 * other use, so that it can be open where the API is not, and a worker has one too. It tells numbers, and never of what.
 */
export class MetricsListener {
  readonly #server: Server;
  readonly #metrics: MetricRegistry;

  constructor(private readonly dependencies: MetricsListenerDependencies) {
    this.#metrics = dependencies.metrics ?? METRICS;
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.#server.requestTimeout = REQUEST_TIMEOUT_MS;
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** @returns the port that it listens on @throws AppError METRICS_ADDRESS_UNUSABLE */
  async listen({ host, port }: MetricsAddress): Promise<number> {
    try {
      this.#server.listen(port, host);
      await once(this.#server, 'listening');
    } catch (cause) {
      throw new AppError({
        code: 'METRICS_ADDRESS_UNUSABLE',
        kind: 'unavailable',
        message: `Nothing can listen on ${host} port ${port} for metrics: choose another CLAVIGER_METRICS_PORT or CLAVIGER_METRICS_HOST.`,
        cause,
      });
    }
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : port;
  }

  /** Answers what is under way and ends. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeIdleConnections();
    await closed;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // An answer that cannot be made must not end the process.
    const { status, type, body } = await this.#answer(request).catch((error: unknown) => {
      this.dependencies.logger.error('metrics.failed', {}, error);
      return text(500, 'Something went wrong inside Claviger.');
    });
    response.writeHead(status, {
      'content-type': type,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      connection: 'close',
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  async #answer({ method, url = '' }: IncomingMessage): Promise<Answer> {
    if (method !== 'GET' && method !== 'HEAD') return text(405, 'Use GET.');
    switch (url.split('?', 1)[0]) {
      case '/metrics':
        return { status: 200, type: METRICS_CONTENT_TYPE, body: await this.#metrics.render() };
      case '/livez':
        return text(200, 'ok');
      case '/readyz': {
        const { isHealthy } = await this.dependencies.health.report();
        return isHealthy ? text(200, 'ok') : text(503, 'failing');
      }
      default:
        return text(404, 'There are /metrics, /livez and /readyz.');
    }
  }
}

function text(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}
