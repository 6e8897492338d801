import { describe, expect, it } from '@jest/globals';
import { AppError } from '@claviger/kernel';
import type { AuditService } from '@claviger/features/audit';
import { captureLogs, testContext } from '@claviger/testing';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ProblemFilter } from './problem.filter.js';

const denied = (): AppError =>
  new AppError({
    code: 'ACCESS_DENIED',
    kind: 'forbidden',
    message: 'No.',
    details: { path: 'prod/data/db', operation: 'read' },
  });
const missing = (cause?: unknown): AppError =>
  new AppError({ code: 'SECRET_NOT_FOUND', kind: 'not_found', message: 'There is none.', cause });

/** Answers an error as the api does; what the caller gets and what the audit log gets. */
async function answer(error: unknown, commit = async (): Promise<void> => undefined) {
  const entries: unknown[] = [];
  const audit = {
    entry: (_ctx: unknown, event: unknown) => event,
    commit: async (_ctx: unknown, event: unknown) => {
      entries.push(event);
      await commit();
    },
  } as unknown as AuditService;
  const logs = captureLogs();
  const sent = { status: 0, body: '' };
  const reply = {
    status: (status: number) => ((sent.status = status), reply),
    header: () => reply,
    send: (body: string) => ((sent.body = body), reply),
  };
  const request = { id: 'r1', method: 'GET', routeOptions: {}, context: testContext() };
  const filter = new ProblemFilter(audit, logs.logger);
  await filter.answer(error, request as unknown as FastifyRequest, reply as unknown as FastifyReply);
  return { ...sent, entries, logs };
}

describe('ProblemFilter', () => {
  it('records a refusal before it answers it', async () => {
    const { status, entries } = await answer(denied());
    expect(status).toBe(403);
    expect(entries).toEqual([
      {
        action: 'access.refused',
        outcome: 'refused',
        resource: { kind: 'path', name: 'prod/data/db' },
        details: { operation: 'read' },
      },
    ]);
  });

  it('records a refusal that the caller is told as there being nothing, and answers it as that', async () => {
    const refused = await answer(missing(denied()));
    const absent = await answer(missing());
    expect(refused.entries).toMatchObject([{ outcome: 'refused', resource: { name: 'prod/data/db' } }]);
    expect(absent.entries).toEqual([]);
    expect([refused.status, refused.body]).toEqual([absent.status, absent.body]);
    expect(refused.status).toBe(404);
  });

  it('tells nothing but that it is not available when a refusal cannot be recorded', async () => {
    const down = new AppError({ code: 'AUDIT_UNAVAILABLE', kind: 'unavailable', message: 'Later.' });
    const { status, body } = await answer(missing(denied()), () => Promise.reject(down));
    expect(status).toBe(503);
    expect(body).not.toContain('SECRET_NOT_FOUND');
  });

  it('says nothing of an error that nobody threw on purpose; the log has it under the request id', async () => {
    const { status, body, logs } = await answer(new TypeError('canary of undefined'));
    expect(status).toBe(500);
    expect(JSON.parse(body)).toMatchObject({ code: 'INTERNAL', requestId: 'r1' });
    expect(body).not.toContain('canary');
    expect(logs.lines('http.failed')).toMatchObject([{ requestId: 'r1', status: 500 }]);
  });
});
