import { faultPoint, type RequestContext } from '@claviger/kernel';
import { ChangeService } from '@claviger/features/changes';
import {
  afterError,
  idempotencyKeyInvalid,
  IdempotencyService,
  isIdempotencyKey,
  type Claim,
  type KeptAnswer,
  type KeyAttempt,
} from '@claviger/features/idempotency';
import { Database } from '@claviger/platform/database';
import { Logger } from '@claviger/platform/telemetry';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ChangeAnswers } from '../rest/changes/change-answers.js';
import type { EndpointDefinition } from './endpoint.js';
import { executeBy } from './repeatable.js';

/** The header, as Node names it. */
export const IDEMPOTENCY_KEY = 'idempotency-key';
/** Headers of an answer that are repeated with it. */
const KEPT_HEADERS = ['etag', 'location'] as const;
const JSON_TYPE = 'application/json; charset=utf-8';

type Exchange = { readonly request: FastifyRequest; readonly reply: FastifyReply };
type Held = Extract<Claim, { readonly attempt: KeyAttempt }>;
type Run = (ctx: RequestContext) => Promise<unknown>;

/** Executes a request with an `Idempotency-Key` once, however often it is sent (draft-ietf-httpapi-idempotency-key-header). */
@Injectable()
export class IdempotentPosts {
  constructor(
    private readonly idempotency: IdempotencyService,
    private readonly changes: ChangeService,
    private readonly answers: ChangeAnswers,
    private readonly database: Database,
    private readonly logger: Logger,
  ) {}

  /** Has the request of this context executed once. @throws AppError IDEMPOTENCY_KEY_INVALID */
  expect(endpoint: EndpointDefinition, ctx: RequestContext, exchange: Exchange): void {
    const key = exchange.request.headers[IDEMPOTENCY_KEY];
    if (!isIdempotencyKey(key)) throw idempotencyKeyInvalid();
    executeBy(ctx, (run) => this.#execute(endpoint, ctx, exchange, key, run));
  }

  async #execute(
    endpoint: EndpointDefinition,
    ctx: RequestContext,
    { request, reply }: Exchange,
    key: string,
    run: Run,
  ): Promise<unknown> {
    const claim = await this.idempotency.claim(ctx, {
      key,
      method: request.method,
      route: request.routeOptions.url ?? '',
      address: request.url,
      body: (request.body as Buffer | undefined) ?? Buffer.alloc(0),
      answersSecret: endpoint.answersSecret ?? false,
    });
    if ('answer' in claim) return send(reply, claim.answer, true);
    const { attempt, isTakenOver } = claim;
    faultPoint('idempotency.claimed');
    const as = { ...ctx, attempt };
    try {
      const found = isTakenOver && (await this.changes.findOfAttempt(as, attempt.id));
      if (found) {
        const answer = await this.answers.answer(as, endpoint, found);
        await (found.state === 'done'
          ? this.idempotency.finish(ctx, attempt, answer)
          : this.idempotency.leave(ctx, attempt));
        return send(reply, answer, true);
      }
      const answer = await (endpoint.isOneTransaction
        ? this.#together(as, attempt, reply, run)
        : this.#apart(as, attempt, reply, run));
      return send(reply, answer, false);
    } catch (error) {
      for (const name of KEPT_HEADERS) void reply.removeHeader(name);
      await this.#settle(ctx, claim, error).catch((cause: unknown) => this.#unrecorded(ctx, cause));
      throw error;
    }
  }

  /** Frees the key after an error, with or without the memory that something may have been done. */
  async #settle(ctx: RequestContext, { attempt, isTakenOver }: Held, error: unknown): Promise<void> {
    const isOver =
      // An earlier execution may be slow and not dead: only what nobody else can be doing is forgotten.
      !isTakenOver &&
      afterError(error) === 'forget' &&
      // The error may be about this execution alone, as when recovery was faster.
      !(await this.changes.mayTakeEffect(ctx, attempt.id));
    await (isOver ? this.idempotency.forget(ctx, attempt) : this.idempotency.leave(ctx, attempt));
  }

  /** What is done and what is answered are recorded together or not at all. */
  async #together(ctx: RequestContext, attempt: KeyAttempt, reply: FastifyReply, run: Run): Promise<KeptAnswer> {
    const answer = await this.database.transaction(ctx, async (tx) => {
      const made = answerOf(reply, await run(tx));
      faultPoint('idempotency.executed');
      await this.idempotency.finish(tx, attempt, made);
      faultPoint('idempotency.recording');
      return made;
    });
    faultPoint('idempotency.recorded');
    return answer;
  }

  async #apart(ctx: RequestContext, attempt: KeyAttempt, reply: FastifyReply, run: Run): Promise<KeptAnswer> {
    const answer = answerOf(reply, await run(ctx));
    faultPoint('idempotency.executed');
    // It is done: who asked is told so, whatever becomes of the record.
    await this.idempotency.finish(ctx, attempt, answer).catch((cause: unknown) => this.#unrecorded(ctx, cause));
    faultPoint('idempotency.recorded');
    return answer;
  }

  #unrecorded({ requestId }: RequestContext, cause: unknown): void {
    this.logger.warn('idempotency.unrecorded', { requestId }, cause);
  }
}

function answerOf(reply: FastifyReply, value: unknown): KeptAnswer {
  const headers: Record<string, string> = {};
  for (const name of KEPT_HEADERS) {
    const header = reply.getHeader(name);
    if (header !== undefined) headers[name] = String(header);
  }
  const body = value === undefined ? '' : JSON.stringify(value);
  return { status: reply.statusCode, headers: { ...headers, ...(body && { 'content-type': JSON_TYPE }) }, body };
}

function send(reply: FastifyReply, { status, headers, body }: KeptAnswer, isReplayed: boolean): string | undefined {
  void reply.status(status).headers({ ...headers, ...(isReplayed && { 'idempotency-replayed': 'true' }) });
  return body === '' ? undefined : body;
}
