import { Controller, Query, Res } from '@nestjs/common';
import { HealthRegistry } from '@claviger/platform/telemetry';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { defineEndpoint, Endpoint } from './endpoint.js';

const livez = defineEndpoint({
  method: 'GET',
  path: 'livez',
  summary: 'Is the process alive',
  needs: 'public',
  response: z.object({ status: z.literal('ok') }),
  example: { response: { status: 'ok' } },
});

const readyz = defineEndpoint({
  method: 'GET',
  path: 'readyz',
  summary: 'Can the process serve requests',
  description: 'With `?verbose` each named check is listed. 503 when one that is needed fails.',
  needs: 'public',
  query: z.object({
    verbose: z.string().max(16).optional().meta({ description: 'List each check.', allowEmptyValue: true }),
  }),
  response: z.object({
    status: z.enum(['ok', 'failing']),
    checks: z
      .array(
        z.object({
          name: z.string(),
          isHealthy: z.boolean(),
          isOptional: z.boolean(),
          code: z.string().optional(),
          durationMs: z.number(),
        }),
      )
      .optional(),
  }),
  example: {
    response: {
      status: 'ok',
      checks: [
        { name: 'database', isHealthy: true, isOptional: false, durationMs: 1 },
        { name: 'queue', isHealthy: true, isOptional: true, durationMs: 3 },
      ],
    },
  },
  failing: {
    status: 'failing',
    checks: [
      { name: 'database', isHealthy: false, isOptional: false, code: 'TIMEOUT', durationMs: 2_000 },
      { name: 'queue', isHealthy: true, isOptional: true, durationMs: 3 },
    ],
  },
});

/** Health for load balancers and people. */
@Controller()
export class HealthController {
  constructor(private readonly health: HealthRegistry) {}

  @Endpoint(livez)
  livez(): { status: 'ok' } {
    return { status: 'ok' };
  }

  @Endpoint(readyz)
  async readyz(
    @Query('verbose') verbose: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const report = await this.health.report();
    void reply.status(report.isHealthy ? 200 : 503);
    return { status: report.isHealthy ? 'ok' : 'failing', ...(verbose === undefined ? {} : { checks: report.checks }) };
  }
}
