import { Inject, Injectable } from '@nestjs/common';
import { AppError, CLOCK, faultPoint, isAppError, newId, type Clock, type RequestContext } from '@claviger/kernel';
import { CONFIG, type Config } from '@claviger/platform/config';
import { Logger } from '@claviger/platform/telemetry';
import { advance, decide, type Sighting, type TargetAction, type TargetState } from './reconcile.policy.js';
import { REPLICATION_SOURCE, type ReplicatedSecret, type ReplicationSource } from './replication-source.js';
import { ReplicationWakeUps } from './replication-wake-ups.js';
import { SlowAttempts } from './slow-attempts.js';
import { SourceFailure, SourceReads } from './source-reads.js';
import type { Presence, SyncTargetEntity } from './sync-target.entity.js';
import { TargetActions, type MoveContext } from './target-actions.js';
import { describeFailure, describeRest, describeWait } from './target-failure.policy.js';
import { TargetObserver } from './target-observer.js';
import { failed, recorded, rested, spreadOf, stopped, type Progress } from './target-outcome.js';
import { TargetRemoval } from './target-removal.js';
import { TargetRepository, type Settlement } from './target.repository.js';
import { TargetVaults, type AttemptContext, type OpenTarget } from './target-vaults.js';

/** How long one attempt at one target may take. */
export const ATTEMPT_MS = 30_000;
/** How long a claim holds: longer than any attempt, so that two workers never work on one target. */
export const LEASE_MS = ATTEMPT_MS + 15_000;
/** How long after an attempt without an answer what it sent may still arrive. */
export const LATE_MS = ATTEMPT_MS + LEASE_MS;
/** Changes of a place in one attempt; more mean that somebody else keeps changing it. */
const MAX_MOVES = 5;
const DRAIN_MS = 5_000;
/** One for all: an abort without a reason makes an error with a stack trace each time. */
const OVER = new Error('The attempt is over.');

type Work = {
  readonly secret: ReplicatedSecret;
  readonly target: SyncTargetEntity;
  readonly epoch: string;
  readonly startedAt: Date;
  readonly reads: SourceReads;
  readonly progress: Progress;
};

/** Brings targets to what they should hold: carries out what the policy decides, and records what was found. */
@Injectable()
export class Reconciler {
  readonly #slow: SlowAttempts;

  constructor(
    @Inject(TargetRepository) private readonly targets: Pick<TargetRepository, 'claim' | 'settle'>,
    @Inject(TargetRemoval) private readonly removal: Pick<TargetRemoval, 'end'>,
    @Inject(TargetVaults) private readonly vaults: Pick<TargetVaults, 'open'>,
    private readonly observer: TargetObserver,
    private readonly actions: TargetActions,
    @Inject(ReplicationWakeUps) private readonly wakeUps: Pick<ReplicationWakeUps, 'wake'>,
    @Inject(REPLICATION_SOURCE) private readonly source: ReplicationSource,
    private readonly logger: Logger,
    @Inject(CONFIG) private readonly config: Pick<Config, 'work'>,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.#slow = new SlowAttempts(clock);
  }

  /** Works on all due targets of a secret, each for itself; returns when they are done or only slow ones are left. */
  async reconcile(ctx: RequestContext, secretId: string): Promise<void> {
    const now = this.clock.now();
    const claim = { owner: newId(), now, until: later(now, LEASE_MS), lateUntil: later(now, LATE_MS) };
    const { targets, epoch } = await this.targets.claim(ctx, secretId, claim);
    if (targets.length === 0) return;
    faultPoint('reconcile.claimed');
    const secret = await this.source.find(ctx, secretId);
    // Its targets are gone with it: the database was put back to an earlier state meanwhile.
    if (!secret) return;
    const reads = new SourceReads(this.source, secret);
    const attempts = targets.map((target) => {
      const progress = { isOpen: false, mayArrive: false, hasWritten: false, lost: undefined };
      return this.#begin(ctx, { secret, target, epoch, startedAt: now, reads, progress });
    });
    await this.#slow.wait(attempts);
  }

  /** Resolves when no slow target is being worked on any more; cuts those off that take long. */
  async drain(): Promise<void> {
    await this.#slow.drain(DRAIN_MS);
  }

  #begin(ctx: RequestContext, work: Work): { profileId: string; done: Promise<void>; abort: () => void } {
    const limit = new AbortController();
    const abort = (): void => limit.abort();
    const isOver = new AbortController();
    this.clock.sleep(ATTEMPT_MS, isOver.signal).then(abort, () => undefined);
    const done = this.#attempt({ ...ctx, signal: limit.signal }, work).finally(() => isOver.abort(OVER));
    return { profileId: work.target.profileId, done, abort };
  }

  /** Never rejects: what goes wrong stands at the target, or its lease runs out. */
  async #attempt(ctx: AttemptContext, work: Work): Promise<void> {
    const { target } = work;
    try {
      const isCurrent = await this.#converge(ctx, work).catch((error: unknown) => this.#fail(ctx, work, error));
      if (!isCurrent) this.wakeUps.wake(ctx.storeId, target.secretId, 'user');
    } catch (error) {
      const { secretId, profileId } = target;
      this.logger.error('replication.settle_failed', { secretId, profileId, requestId: ctx.requestId }, error);
    }
  }

  /** False when something else was desired before the end, so that there is more to do. */
  async #converge(ctx: AttemptContext, work: Work): Promise<boolean> {
    const { secret, target, startedAt } = work;
    const now = this.clock.now();
    const { desiredPresence } = target;
    if (desiredPresence === 'retained')
      return this.#conclude(ctx, work, { do: mayArriveLate(target, startedAt) ? 'wait' : 'end' });
    if (secret.isDisabled && desiredPresence !== 'absent')
      return this.#settle(ctx, target, rested(describeRest('secret'), now));
    if (this.#slow.isFull(target.profileId)) throw vaultOverloaded();
    const vault = await this.vaults.open(ctx, target);
    if (!vault) return this.#settle(ctx, target, rested(describeRest('profile'), now));
    return this.#step(ctx, work, vault, desiredPresence);
  }

  /** Looks and acts in turns until the policy has come to an end. */
  async #step(ctx: AttemptContext, work: Work, vault: OpenTarget, presence: Presence): Promise<boolean> {
    const move = this.#moveContext(ctx, work, vault);
    let state = stateOf(work, vault, presence);
    let seen: Sighting | undefined;
    for (let moves = 0; moves <= MAX_MOVES;) {
      const action = decide(state, seen);
      switch (action.do) {
        case 'look':
          seen = await this.observer.look(ctx, { ...work, vault });
          break;
        case 'record':
        case 'stop':
        case 'wait':
        case 'end':
          return this.#conclude(ctx, work, action);
        default: {
          moves += 1;
          const outcome = await this.actions.carryOut(move, action);
          state = outcome === 'refused' ? { ...state, mustLook: true } : advance(state, action);
          seen = outcome === 'refused' ? undefined : outcome;
        }
      }
    }
    throw contended();
  }

  #moveContext(ctx: AttemptContext, { target, startedAt, reads, progress }: Work, vault: OpenTarget): MoveContext {
    return {
      target,
      vault,
      progress,
      content: () => reads.content(ctx, target),
      assertInTime: () => {
        if (ctx.signal.aborted || this.clock.now() >= later(startedAt, ATTEMPT_MS)) throw outOfTime();
      },
    };
  }

  #conclude(
    ctx: AttemptContext,
    { target, epoch, startedAt, progress }: Work,
    action: Extract<TargetAction, { do: 'record' | 'stop' | 'wait' | 'end' }>,
  ): Promise<boolean> {
    const now = this.clock.now();
    const { unsettledUntil } = target;
    const attempt = {
      target,
      now,
      epoch,
      mayArriveLate: mayArriveLate(target, startedAt),
      verifyIntervalMs: this.#verifyIntervalMs,
    };
    switch (action.do) {
      case 'record':
        return this.#settle(ctx, target, recorded(attempt, action, progress));
      case 'stop':
        return this.#settle(ctx, target, stopped(attempt, action));
      case 'wait':
        return this.#settle(ctx, target, rested(describeWait(unsettledUntil!.getTime() - now.getTime()), now));
      case 'end':
        return this.removal.end(unbounded(ctx), target);
    }
  }

  async #fail(ctx: AttemptContext, { target, progress }: Work, error: unknown): Promise<boolean> {
    const where = error instanceof SourceFailure ? 'source' : 'target';
    const reason = error instanceof SourceFailure ? error.reason : error;
    if (!isAppError(reason)) {
      const { secretId, profileId } = target;
      this.logger.error('replication.attempt_failed', { secretId, profileId, requestId: ctx.requestId }, reason);
    }
    const now = this.clock.now();
    const failure = describeFailure(reason, { where, attempts: target.attempts, spread: spreadOf(target) });
    const attempt = { target, now, lateUntil: later(now, LATE_MS), verifyIntervalMs: this.#verifyIntervalMs };
    return this.#settle(ctx, target, failed(attempt, failure, progress));
  }

  async #settle(ctx: AttemptContext, target: SyncTargetEntity, settlement: Settlement): Promise<boolean> {
    const outcome = await this.targets.settle(unbounded(ctx), target, settlement);
    faultPoint('reconcile.recorded');
    return outcome !== 'superseded';
  }

  get #verifyIntervalMs(): number {
    return this.config.work.verifyIntervalSeconds * 1_000;
  }
}

function stateOf({ target, epoch, startedAt }: Work, vault: OpenTarget, presence: Presence): TargetState {
  const isNewEpoch = target.verifiedEpoch !== epoch;
  return {
    desired: {
      version: target.desiredVersion,
      fingerprint: target.desiredFingerprint,
      presence,
    },
    observed: {
      version: target.observedVersion,
      fingerprint: target.observedFingerprint,
      presence: target.observedPresence,
      backendVersion: target.observedBackendVersion,
    },
    ownership: target.ownership,
    mayHaveWritten: target.unsettledUntil !== null,
    mayArriveLate: mayArriveLate(target, startedAt),
    onConflict: target.onConflict,
    repairs: target.isRepairRequested || vault.repairsItself,
    mustLook: target.isLookDue || isNewEpoch,
    mayBeRestored: isNewEpoch && !target.isRepairRequested,
    can: vault.capabilities,
  };
}

function mayArriveLate({ unsettledUntil }: SyncTargetEntity, startedAt: Date): boolean {
  return unsettledUntil !== null && unsettledUntil > startedAt;
}

/** The attempt's own time limit must not keep its outcome from being stored. */
function unbounded({ signal: _, ...ctx }: AttemptContext): RequestContext {
  return ctx;
}

function later(now: Date, ms: number): Date {
  return new Date(now.getTime() + ms);
}

const contended = (): AppError =>
  new AppError({
    code: 'TARGET_CONTENDED',
    kind: 'conflict',
    message: 'The place keeps changing while it is being written.',
    retryable: true,
  });

const outOfTime = (): AppError =>
  new AppError({
    code: 'TARGET_OUT_OF_TIME',
    kind: 'timeout',
    message: 'The vault took too long for the attempt to be finished.',
    retryable: true,
  });

const vaultOverloaded = (): AppError =>
  new AppError({
    code: 'VAULT_SLOW',
    kind: 'unavailable',
    message: 'The vault answers slowly, and many attempts wait for it already.',
    retryable: true,
  });
