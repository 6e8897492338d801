import { Catch, Injectable, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { AppError } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import { asDatabaseUnavailable } from '@claviger/platform/database';
import { Logger } from '@claviger/platform/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { fromFramework, toProblem } from './problem.js';

/** Answers every error as a problem document, and records refusals before it does. */
@Injectable()
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly audit: AuditService,
    private readonly logger: Logger,
  ) {}

  async catch(thrown: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    await this.answer(thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  async answer(thrown: unknown, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    let error = asDatabaseUnavailable(thrown) ?? fromFramework(thrown);
    const refusal = findRefusal(error);
    if (request.context && refusal) {
      try {
        await this.audit.commit(
          request.context,
          this.audit.entry(request.context, {
            action: 'access.refused',
            outcome: 'refused',
            resource: { kind: 'path', name: textOf(refusal.details?.['path']) ?? request.routeOptions.url ?? '' },
            details: { operation: textOf(refusal.details?.['operation']) ?? request.method },
          }),
        );
      } catch (auditError) {
        error = auditError;
      }
    }
    const problem = toProblem(error, request.id);
    if (problem.status >= 500)
      this.logger.error('http.failed', { requestId: request.id, status: problem.status, code: problem.code }, error);
    if (error instanceof AppError && typeof error.details?.['retryAfterMs'] === 'number')
      void reply.header('retry-after', Math.ceil(error.details['retryAfterMs'] / 1_000));
    void reply
      .status(problem.status)
      .header('content-type', 'application/problem+json')
      .header('cache-control', 'no-store')
      .send(JSON.stringify(problem));
  }
}

/** Also one that the caller is told in other words: that there is nothing, because they may not know of it. */
function findRefusal(error: unknown): AppError | undefined {
  if (!(error instanceof AppError)) return undefined;
  return error.kind === 'forbidden' ? error : findRefusal(error.cause);
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
