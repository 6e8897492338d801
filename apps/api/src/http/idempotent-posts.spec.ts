import { AppError, type RequestContext } from '@claviger/kernel';
import type { ChangeEntity, ChangeService } from '@claviger/features/changes';
import type { Claim, IdempotencyService, KeptAnswer } from '@claviger/features/idempotency';
import type { SecretService, SecretViews } from '@claviger/features/secrets';
import type { Database } from '@claviger/platform/database';
import { captureLogs, testContext } from '@claviger/testing';
import { describe, expect, it } from '@jest/globals';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ChangeAnswers } from '../rest/changes/change-answers.js';
import { defineEndpoint, type EndpointDefinition } from './endpoint.js';
import { IdempotentPosts } from './idempotent-posts.js';
import { Repeatable } from './repeatable.js';

const conflict = new AppError({ code: 'TAKEN', kind: 'conflict', message: 'It is taken.' });
const rotate = defineEndpoint({
  method: 'POST',
  path: 'rotate',
  summary: 'Rotate',
  needs: 'token',
  response: z.object({ version: z.number().optional(), change: z.unknown() }),
  etag: 'version',
  problems: [new AppError({ code: 'VAULT_AWAY', kind: 'unavailable', message: 'Away.' })],
});
const change = {
  id: 'c1',
  kind: 'secret.content',
  state: 'done',
  parameters: { subject: { name: 'prod/x' } },
  result: { version: 2 },
  errorCode: null,
} as unknown as ChangeEntity;

/** The parts of a reply that are used. */
class Reply {
  statusCode = 200;
  readonly sent: Record<string, unknown> = {};
  status = (code: number): this => Object.assign(this, { statusCode: code });
  headers = (more: object): this => (Object.assign(this.sent, more), this);
  getHeader = (name: string): unknown => this.sent[name];
  removeHeader = (name: string): void => void delete this.sent[name];
}

type Scene = {
  readonly endpoint?: EndpointDefinition;
  readonly key?: string;
  readonly isTakenOver?: boolean;
  readonly claim?: Claim;
  readonly found?: ChangeEntity;
  readonly mayTakeEffect?: boolean;
  readonly finish?: () => Promise<void>;
  readonly run?: () => Promise<unknown>;
};

/** Sends a request; what was answered, and what became of its record. */
async function send(scene: Scene): Promise<{ steps: string[]; answer?: unknown; error?: unknown; reply: Reply }> {
  const steps: string[] = [];
  const attempt = { id: 'r1', owner: 'o1', granted: new Set<string>(), keyHash: Buffer.alloc(1) };
  const note = (step: string) => async (): Promise<void> => void steps.push(step);
  const idempotency = {
    claim: async () => scene.claim ?? { attempt, isTakenOver: scene.isTakenOver ?? false },
    finish: async (_: unknown, __: unknown, { status }: KeptAnswer) => {
      await scene.finish?.();
      steps.push(`finish ${status}`);
    },
    forget: note('forget'),
    leave: note('leave'),
  };
  const changes = {
    findOfAttempt: async () => scene.found,
    mayTakeEffect: async () => scene.mayTakeEffect ?? false,
  };
  const database = {
    transaction: async (ctx: RequestContext, work: (ctx: RequestContext) => Promise<unknown>) => {
      steps.push('begin');
      const result = await work(ctx);
      steps.push('commit');
      return result;
    },
  };
  const posts = new IdempotentPosts(
    idempotency as unknown as IdempotencyService,
    changes as unknown as ChangeService,
    new ChangeAnswers({} as SecretService, {} as SecretViews),
    database as unknown as Database,
    captureLogs().logger,
  );
  class Controller {
    @Repeatable()
    async handle(_: RequestContext): Promise<unknown> {
      steps.push('run');
      return (scene.run ?? (async () => ({ version: 2 })))();
    }
  }
  const reply = new Reply();
  const ctx = testContext();
  const request = {
    method: 'POST',
    url: '/x',
    routeOptions: { url: '/x' },
    headers: { 'idempotency-key': scene.key ?? 'k' },
  };
  try {
    posts.expect(scene.endpoint ?? rotate, ctx, {
      request: request as unknown as FastifyRequest,
      reply: reply as unknown as FastifyReply,
    });
    return { steps, reply, answer: await new Controller().handle(ctx) };
  } catch (error) {
    return { steps, reply, error };
  }
}

const refuse = (error: unknown) => async (): Promise<never> => {
  throw error;
};

describe('IdempotentPosts', () => {
  it('executes a request and records its answer', async () => {
    const { steps, answer, reply } = await send({});
    expect({ steps, answer }).toEqual({ steps: ['run', 'finish 200'], answer: '{"version":2}' });
    expect(reply.sent).toEqual({ 'content-type': 'application/json; charset=utf-8' });
  });

  it('records the answer in the transaction of what is done there', async () => {
    const { steps } = await send({ endpoint: { ...rotate, isOneTransaction: true } });
    expect(steps).toEqual(['begin', 'run', 'finish 200', 'commit']);
  });

  it('repeats an answer, and executes nothing', async () => {
    const claim = { answer: { status: 201, headers: { etag: '"1"' }, body: '{}' } };
    const { steps, answer, reply } = await send({ claim });
    expect({ steps, answer, status: reply.statusCode }).toEqual({ steps: [], answer: '{}', status: 201 });
    expect(reply.sent).toEqual({ etag: '"1"', 'idempotency-replayed': 'true' });
  });

  it('refuses what is no key', async () => {
    expect(await send({ key: 'a b' })).toMatchObject({ steps: [], error: { code: 'IDEMPOTENCY_KEY_INVALID' } });
  });

  it('tells what was done even when it cannot be recorded', async () => {
    expect(await send({ finish: refuse(new Error('lost')) })).toMatchObject({
      steps: ['run'],
      answer: '{"version":2}',
    });
  });

  it.each([
    ['frees the key after a refusal', {}, conflict, 'forget'],
    ['remembers that something may have been done after a defect', {}, new Error('?'), 'leave'],
    ['remembers a change that recovery may have finished', { mayTakeEffect: true }, conflict, 'leave'],
    ['forgets nothing that a slow execution may be doing', { isTakenOver: true }, conflict, 'leave'],
  ])('%s', async (_, scene, error, end) => {
    expect(await send({ ...scene, run: refuse(error) })).toMatchObject({ steps: ['run', end], error });
  });

  it('answers from the change that an earlier execution made', async () => {
    const { steps, answer, reply } = await send({ isTakenOver: true, found: change });
    expect(steps).toEqual(['finish 200']);
    expect(JSON.parse(answer as string)).toMatchObject({ version: 2, change: { id: 'c1', state: 'done' } });
    expect(reply.sent).toMatchObject({ etag: '"2"', 'idempotency-replayed': 'true' });
  });

  it.each(['executing', 'pending_approval', 'approved'] as const)('answers 202 while it is %s', async (state) => {
    const found = { ...change, state, result: null, errorCode: state === 'executing' ? 'VAULT_AWAY' : null };
    const { steps, reply } = await send({ isTakenOver: true, found });
    expect({ steps, status: reply.statusCode }).toEqual({ steps: ['leave'], status: 202 });
  });

  it('answers the error of one that has failed, as the endpoint describes it', async () => {
    const found = { ...change, state: 'failed', errorCode: 'VAULT_AWAY', errorMessage: 'Away.' } as ChangeEntity;
    const { steps, error } = await send({ isTakenOver: true, found });
    expect(steps).toEqual(['leave']);
    expect(error).toMatchObject({ code: 'VAULT_AWAY', kind: 'unavailable', details: { changeId: 'c1' } });
  });
});
