import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, newId, type Clock, type IdempotentAttempt, type RequestContext } from '@claviger/kernel';
import { AccessService, type Operation } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import { Keyring } from '@claviger/platform/crypto';
import type { IdempotencyRecordEntity } from './idempotency-record.entity.js';
import { idempotencyAnswerWithheld, idempotencyInProgress, idempotencyKeyReused } from './idempotency.errors.js';
import { judgeRequest } from './idempotency.policy.js';
import { IdempotencyRepository } from './idempotency.repository.js';

/** How long an answer is kept. */
export const KEPT_MS = 24 * 3_600_000;
/** After this time without an answer, a repetition may take the request over. Longer than a request takes. */
export const LEASE_MS = 60_000;
const REMOVE_AT_ONCE = 1_000;
const MAX_TRIES = 5;

/** A request that its caller may repeat, byte for byte as it was sent. */
export type KeyedRequest = {
  readonly key: string;
  readonly method: string;
  /** The pattern of the address. */
  readonly route: string;
  /** The address itself, with its query. */
  readonly address: string;
  readonly body: Buffer;
  /** The answer holds a secret that is told once: it is repeated to the same token only. */
  readonly answersSecret: boolean;
};

/** What was answered: status, the headers that matter, and the body, empty for none. */
export type KeptAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** A key that is held by this execution of its request, or the answer that its request got. */
export type Claim = { readonly attempt: KeyAttempt; readonly isTakenOver: boolean } | { readonly answer: KeptAnswer };

export type KeyAttempt = IdempotentAttempt & { readonly keyHash: Buffer };

/** Remembers requests with an idempotency key for a day, so that each is executed once. One key belongs to one identity. */
@Injectable()
export class IdempotencyService {
  constructor(
    private readonly records: IdempotencyRepository,
    private readonly access: AccessService,
    private readonly audit: AuditService,
    private readonly keyring: Keyring,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Takes the key for this execution, or finds the answer that was given, for a caller who may do still what was done.
   * One of many at a time gets the key, in whichever process. Telling a secret again is audited.
   * @throws AppError IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_IN_PROGRESS, IDEMPOTENCY_ANSWER_WITHHELD, ACCESS_DENIED
   */
  async claim(ctx: RequestContext, request: KeyedRequest): Promise<Claim> {
    const keyHash = this.#hash(ctx, 'key', [ctx.actor.rootId, request.key]);
    const requestHash = this.#hash(ctx, 'request', [request.method, request.address, request.body]);
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const now = this.clock.now();
      const attempt = { id: newId(now.getTime()), owner: newId(now.getTime()), granted: new Set<string>(), keyHash };
      if (await this.records.insert(ctx, this.#newRow(ctx, request, requestHash, attempt, now)))
        return { attempt, isTakenOver: false };
      const known = await this.records.find(ctx, keyHash);
      if (!known) continue;
      switch (judgeRequest(known, requestHash, now)) {
        case 'expired':
          await this.records.removeIfExpired(ctx, keyHash, now);
          break;
        case 'reused':
          throw idempotencyKeyReused();
        case 'in-progress':
          throw idempotencyInProgress();
        case 'replay':
          return { answer: await this.#replay(ctx, request, known) };
        case 'take-over': {
          const set = { owner: attempt.owner, leaseUntil: leaseFrom(now), tokenId: ctx.actor.id };
          if (await this.records.update(ctx, { keyHash, owner: known.owner! }, set))
            return { attempt: { ...attempt, id: known.id }, isTakenOver: true };
        }
      }
    }
    throw idempotencyInProgress();
  }

  /**
   * Records the answer, in the context's transaction where it has one.
   * @throws AppError IDEMPOTENCY_IN_PROGRESS when another execution has taken the request over
   */
  async finish(ctx: RequestContext, attempt: KeyAttempt, answer: KeptAnswer): Promise<void> {
    const isKept = await this.records.update(ctx, attempt, {
      state: 'finished',
      leaseUntil: null,
      status: answer.status,
      headers: answer.headers,
      answer: this.keyring.seal(ctx.storeId, answerRow(attempt.id), answer.body),
      granted: [...attempt.granted],
    });
    if (!isKept) throw idempotencyInProgress();
  }

  /** Nothing was done: the key is as new. */
  forget(ctx: RequestContext, attempt: KeyAttempt): Promise<void> {
    return this.records.remove(ctx, attempt.keyHash, attempt);
  }

  /** Something may have been done: the next repetition finds out, at once. */
  async leave(ctx: RequestContext, attempt: KeyAttempt): Promise<void> {
    await this.records.update(ctx, attempt, { leaseUntil: null });
  }

  /** Removes what is older than a day. Returns how many. */
  async removeExpired(ctx: RequestContext): Promise<number> {
    let removed = 0;
    for (let more = true; more && !ctx.signal?.aborted;) {
      const count = await this.records.removeExpired(ctx, this.clock.now(), REMOVE_AT_ONCE);
      removed += count;
      more = count === REMOVE_AT_ONCE;
    }
    return removed;
  }

  /** Frees what a dead predecessor was executing, for a process that knows that it is alone on this database. */
  expireLeases(ctx: RequestContext): Promise<void> {
    return this.records.expireLeases(ctx);
  }

  #newRow(
    ctx: RequestContext,
    { method, route }: KeyedRequest,
    requestHash: Buffer,
    { id, owner, keyHash }: KeyAttempt,
    now: Date,
  ): Partial<IdempotencyRecordEntity> {
    return {
      keyHash,
      id,
      identity: ctx.actor.rootId,
      tokenId: ctx.actor.id,
      method,
      route,
      requestHash,
      state: 'running',
      owner,
      leaseUntil: leaseFrom(now),
      createdAt: now,
      expiresAt: new Date(now.getTime() + KEPT_MS),
    };
  }

  async #replay(ctx: RequestContext, request: KeyedRequest, known: IdempotencyRecordEntity): Promise<KeptAnswer> {
    // Tokens of one identity may differ in what they may do: a lesser one must not get what a greater one was given.
    if (request.answersSecret && known.tokenId !== ctx.actor.id) throw idempotencyAnswerWithheld();
    for (const grant of known.granted ?? []) {
      const [operation = '', ...path] = grant.split(' ');
      this.access.authorize(ctx, path.join(' '), operation as Operation);
    }
    if (request.answersSecret) {
      const resource = { kind: 'path', name: request.route };
      const details = { operation: request.method };
      const action = 'idempotency.replay';
      await this.audit.commit(ctx, this.audit.entry(ctx, { action, outcome: 'allowed', resource, details }));
    }
    const body = this.keyring.open(ctx.storeId, answerRow(known.id), known.answer!).toString('utf8');
    return { status: known.status!, headers: known.headers!, body };
  }

  /** Of parts whose borders count. */
  #hash({ storeId }: RequestContext, what: 'key' | 'request', parts: readonly (string | Buffer)[]): Buffer {
    const framed = [`idempotency-${what}`, ...parts].flatMap((part) => {
      const bytes = Buffer.from(part as string);
      return [Buffer.from(`${bytes.length}:`), bytes];
    });
    return this.keyring.mac(storeId, 'access').hmac(Buffer.concat(framed));
  }
}

const leaseFrom = (now: Date): Date => new Date(now.getTime() + LEASE_MS);
const answerRow = (id: string): string => `idempotency_record/${id}/answer`;
