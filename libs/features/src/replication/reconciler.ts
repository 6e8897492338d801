import { Inject, Injectable } from '@nestjs/common';
import { AppError, CLOCK, faultPoint, newId, type Clock, type RequestContext } from '@claviger/kernel';
import { CONFIG, type Config } from '@claviger/platform/config';
import { Database } from '@claviger/platform/database';
import { BackendPlaces } from '@claviger/features/vault-profiles';
import { isVaultError, type BackendVersion } from '@claviger/vaults/contract';
import { DatabaseEpochs } from './database-epoch.js';
import { decide, type TargetAction, type TargetState, type TargetView } from './reconcile.policy.js';
import {
  REPLICATION_SOURCE,
  type ReplicatedSecret,
  type ReplicationSource,
  type SourceContent,
} from './replication-source.js';
import type { SyncTargetEntity } from './sync-target.entity.js';
import { describeFailure, describeStop, type TargetFailure } from './target-failure.policy.js';
import { TargetRepository } from './target.repository.js';
import { TargetVaults, type OpenTarget } from './target-vaults.js';

/** How long one attempt at one target may take, and how much longer its lease holds. */
const ATTEMPT_MS = 30_000;
const LEASE_MS = ATTEMPT_MS + 15_000;
/** A job does not wait longer for slow targets: they go on by themselves, so that newer changes reach the fast ones. */
const PATIENCE_MS = 1_000;
/** Looking and acting alternate; more rounds than this mean that somebody else keeps writing there. */
const MAX_STEPS = 6;

type Work = {
  readonly secret: ReplicatedSecret;
  readonly target: SyncTargetEntity;
  readonly content: () => Promise<SourceContent>;
};

type AttemptContext = RequestContext & { readonly signal: AbortSignal };

class SourceFailure extends Error {
  constructor(readonly reason: unknown) {
    super('The source could not be read.');
  }
}

/** Brings targets to what they should hold: carries out what the policy decides, and records what was found. */
@Injectable()
export class Reconciler {
  readonly #slow = new Set<Promise<void>>();

  constructor(
    private readonly targets: TargetRepository,
    private readonly vaults: TargetVaults,
    private readonly places: BackendPlaces,
    private readonly epochs: DatabaseEpochs,
    private readonly database: Database,
    @Inject(REPLICATION_SOURCE) private readonly source: ReplicationSource,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Works on all due targets of a secret, each for itself; returns when they are done or only slow ones are left. */
  async reconcile(ctx: RequestContext, secretId: string): Promise<void> {
    const now = this.clock.now();
    const claim = { owner: newId(), now, until: new Date(now.getTime() + LEASE_MS) };
    const claimed = await this.targets.claim(ctx, secretId, claim);
    if (claimed.length === 0) return;
    faultPoint('reconcile.claimed');
    const secret = await this.source.find(ctx, secretId);
    if (!secret) return;
    const contents = new Map<number, Promise<SourceContent>>();
    const work = claimed.map((target) =>
      this.#run(ctx, { secret, target, content: () => this.#read(ctx, target, contents) }),
    );
    await this.#waitPatiently(Promise.all(work).then(() => undefined));
  }

  /** Resolves when no slow target is being worked on any more. */
  async drain(): Promise<void> {
    while (this.#slow.size > 0) await Promise.allSettled(this.#slow);
  }

  async #waitPatiently(all: Promise<void>): Promise<void> {
    const over = new AbortController();
    const patience = this.clock.sleep(PATIENCE_MS, over.signal).catch(() => undefined);
    const settled = all.finally(() => over.abort());
    await Promise.race([settled, patience]);
    const tracked = settled.catch(() => undefined).finally(() => this.#slow.delete(tracked));
    this.#slow.add(tracked);
  }

  /** The source is read once for all targets that want the same version. */
  #read(
    ctx: RequestContext,
    target: SyncTargetEntity,
    contents: Map<number, Promise<SourceContent>>,
  ): Promise<SourceContent> {
    const version = target.desiredVersion;
    let content = contents.get(version);
    if (!content) {
      content = this.source.read({ ...ctx, signal: AbortSignal.timeout(ATTEMPT_MS) }, target.secretId, version).then(
        (read) => {
          faultPoint('reconcile.source-read');
          return read;
        },
        (error: unknown) => {
          throw new SourceFailure(error);
        },
      );
      contents.set(version, content);
    }
    return content;
  }

  async #run(ctx: RequestContext, work: Work): Promise<void> {
    const attempt = { ...ctx, signal: AbortSignal.timeout(ATTEMPT_MS) };
    const progress: Progress = { mayHaveWritten: false };
    try {
      if (work.secret.isDisabled && work.target.desiredPresence !== 'absent') return await this.#rest(ctx, work.target);
      await this.#converge(attempt, work, progress);
    } catch (error) {
      await this.#fail(ctx, work.target, error, progress);
    }
  }

  async #converge(ctx: AttemptContext, work: Work, progress: Progress): Promise<void> {
    const { target } = work;
    const vault = await this.vaults.open(ctx, target);
    const state = await this.#state(work, vault);
    let view: TargetView | undefined;
    for (let step = 1; step <= MAX_STEPS; step += 1) {
      const action = decide(state, view);
      if (action.do === 'look') {
        view = await this.#look(ctx, work, vault);
        continue;
      }
      const next = await this.#carryOut(ctx, work, vault, action, progress);
      if (next === 'done') return;
      view = await this.#look(ctx, work, vault);
    }
    throw new AppError({
      code: 'TARGET_CONTENDED',
      kind: 'conflict',
      message: 'The place keeps changing while it is being written.',
      retryable: true,
    });
  }

  async #state({ target }: Work, vault: OpenTarget): Promise<TargetState> {
    const epoch = await this.epochs.current();
    const isNewEpoch = target.verifiedEpoch !== null && target.verifiedEpoch !== epoch;
    return {
      desired: {
        version: target.desiredVersion,
        fingerprint: target.desiredFingerprint,
        presence: target.desiredPresence,
      },
      observed: {
        version: target.observedVersion,
        fingerprint: target.observedFingerprint,
        presence: target.observedPresence,
        backendVersion: target.observedBackendVersion,
      },
      isOwned: target.isOwned,
      mayHaveWritten: target.attempts > 0,
      onConflict: target.onConflict,
      repairs: target.isRepairRequested || vault.profile.repair === 'auto',
      mustLook: target.isVerifyDue || isNewEpoch,
      mayBeRestored: isNewEpoch && !target.isRepairRequested,
      can: vault.capabilities,
    };
  }

  async #look(ctx: RequestContext, { secret, target }: Work, vault: OpenTarget): Promise<TargetView> {
    let current: BackendVersion | undefined;
    let marker: 'ours' | 'foreign' | 'unmarked' = 'unmarked';
    try {
      const description = vault.capabilities.metadata
        ? await vault.adapter.describe(vault.call, vault.name)
        : undefined;
      if (description) {
        marker = this.vaults.judge(ctx.storeId, vault, description.metadata);
        current = description.currentVersion;
      }
      const read = await vault.adapter.read(vault.call, vault.name);
      const like = target.desiredFingerprint ?? undefined;
      const fingerprint = this.source.fingerprint(ctx, secret, read.content, like);
      const isKnown = (await this.source.findVersion(ctx, secret.id, fingerprint)) !== undefined;
      return { exists: true, marker, version: read.version, fingerprint, isKnown };
    } catch (error) {
      if (isVaultError(error, 'VERSION_UNAVAILABLE', 'VERSION_NOT_FOUND'))
        return { exists: true, marker, version: current, fingerprint: undefined, isKnown: true };
      if (!isVaultError(error, 'NOT_FOUND')) throw error;
      if (current === undefined && marker !== 'unmarked')
        return { exists: true, marker, version: undefined, fingerprint: undefined, isKnown: true };
      return { exists: false };
    }
  }

  /** `again` when what was found differs from what was decided on. */
  async #carryOut(
    ctx: RequestContext,
    work: Work,
    vault: OpenTarget,
    action: Exclude<TargetAction, { do: 'look' }>,
    progress: Progress,
  ): Promise<'done' | 'again'> {
    const { target } = work;
    const ownership = provenBy(vault);
    switch (action.do) {
      case 'record':
        return this.#recordEqual(ctx, target, action.backendVersion, { how: action.how, wrote: false, ownership });
      case 'stop':
        return this.#stop(ctx, target, action);
      case 'end':
        return this.#end(ctx, target);
      case 'create':
      case 'put':
      case 'adopt':
        return this.#write(ctx, work, vault, action, progress);
      case 'hide':
        await vault.adapter.softDelete(vault.call, vault.name, [action.backendVersion]);
        return this.#recordEqual(ctx, target, action.backendVersion, { how: 'metadata', wrote: true, ownership });
      case 'unhide':
        await vault.adapter.undelete(vault.call, vault.name, [action.backendVersion]);
        return 'again';
      case 'purge':
        progress.mayHaveWritten = true;
        await vault.adapter.purge(vault.call, vault.name);
        return 'again';
    }
  }

  async #write(
    ctx: RequestContext,
    work: Work,
    vault: OpenTarget,
    action: Extract<TargetAction, { do: 'create' | 'put' | 'adopt' }>,
    progress: Progress,
  ): Promise<'done' | 'again'> {
    const { target } = work;
    const ownership = provenBy(vault);
    if (action.do === 'adopt') {
      await this.#mark(vault);
      return this.#recordEqual(ctx, target, action.backendVersion, { how: 'value', wrote: false, ownership });
    }
    const { content } = await work.content();
    const isMarked = action.do === 'put' && action.mark;
    if (isMarked) await this.#mark(vault);
    faultPoint('reconcile.writing');
    progress.mayHaveWritten = true;
    try {
      const receipt =
        action.do === 'create'
          ? await vault.adapter.create(vault.call, vault.name, content, vault.marker)
          : await vault.adapter.put(
              vault.call,
              vault.name,
              content,
              action.expected === undefined ? {} : { expectedVersion: action.expected },
            );
      faultPoint('reconcile.written');
      // A receipt with a version proves the write; without one, only reading back does.
      if (receipt.version === undefined && !(await this.#isConfirmed(ctx, work, vault))) return 'again';
      return await this.#recordEqual(ctx, target, receipt.version, {
        how: 'value',
        wrote: true,
        ownership,
        ...(action.do === 'put' && action.lost ? { lost: action.lost } : {}),
      });
    } catch (error) {
      if (!isVaultError(error, 'ALREADY_EXISTS', 'VERSION_CONFLICT')) throw error;
      progress.mayHaveWritten = target.attempts > 0;
      return 'again';
    }
  }

  async #isConfirmed(ctx: RequestContext, { secret, target }: Work, vault: OpenTarget): Promise<boolean> {
    const read = await vault.adapter.read(vault.call, vault.name);
    return this.source.fingerprint(ctx, secret, read.content, target.desiredFingerprint!) === target.desiredFingerprint;
  }

  async #mark(vault: OpenTarget): Promise<void> {
    faultPoint('reconcile.marking');
    if (vault.marker) await vault.adapter.setMetadata(vault.call, vault.name, vault.marker);
  }

  async #recordEqual(
    ctx: RequestContext,
    target: SyncTargetEntity,
    backendVersion: BackendVersion | undefined,
    how: Recorded,
  ): Promise<'done'> {
    const now = this.clock.now();
    // A write whose outcome was unknown may still land late where there is no compare-and-set: look again soon.
    const verifyInMs = target.attempts > 0 ? LEASE_MS + ATTEMPT_MS : this.config.work.verifyIntervalSeconds * 1_000;
    const isPresent = target.desiredPresence === 'present';
    await this.#settle(ctx, target, {
      observedVersion: target.desiredVersion,
      observedFingerprint: target.desiredFingerprint,
      observedPresence: target.desiredPresence,
      observedBackendVersion: backendVersion ?? null,
      isOwned: target.isOwned || isPresent,
      ...(isPresent ? { ownership: how.ownership } : {}),
      status: 'in_sync',
      ...NO_ERROR,
      attempts: 0,
      nextAttemptAt: null,
      drift: how.lost ? { detectedAt: now.toISOString(), kind: 'content', fingerprint: how.lost } : null,
      isVerifyDue: false,
      isRepairRequested: false,
      verifiedEpoch: await this.epochs.current(),
      nextVerifyAt: new Date(now.getTime() + verifyInMs),
      ...(how.how === 'none' ? {} : { verifiedAt: now, verifiedHow: how.how }),
      ...(how.wrote ? { syncedAt: now } : {}),
    });
    return 'done';
  }

  async #stop(
    ctx: RequestContext,
    target: SyncTargetEntity,
    action: Extract<TargetAction, { do: 'stop' }>,
  ): Promise<'done'> {
    const now = this.clock.now();
    const kind =
      action.reason === 'removed_at_target'
        ? 'missing'
        : action.reason === 'hidden_at_target'
          ? 'hidden'
          : action.reason === 'restored'
            ? 'restored'
            : 'content';
    const isDrift = action.status === 'drifted' || action.status === 'missing' || action.status === 'paused';
    await this.#settle(ctx, target, {
      ...failureColumns(describeStop(action.status, action.reason), now),
      ...(isDrift
        ? {
            drift: {
              detectedAt: now.toISOString(),
              kind,
              ...(action.fingerprint ? { fingerprint: action.fingerprint } : {}),
            },
          }
        : {}),
      isVerifyDue: false,
      isRepairRequested: false,
      verifiedAt: now,
      verifiedHow: action.fingerprint ? 'value' : 'metadata',
    });
    return 'done';
  }

  async #end(ctx: RequestContext, target: SyncTargetEntity): Promise<'done'> {
    await this.database.transaction(ctx, async (tx) => {
      if (!(await this.targets.end(tx, target))) return;
      await this.places.forget(tx, { secretId: target.secretId, profileId: target.profileId });
      if ((await this.targets.count(tx, target.secretId)) === 0) await this.source.allTargetsGone(tx, target.secretId);
    });
    faultPoint('reconcile.recorded');
    return 'done';
  }

  /** Nothing is done for a disabled secret; enabling it makes its targets due again. */
  async #rest(ctx: RequestContext, target: SyncTargetEntity): Promise<void> {
    await this.targets.settle(ctx, target, { nextAttemptAt: null });
  }

  async #fail(ctx: RequestContext, target: SyncTargetEntity, error: unknown, progress: Progress): Promise<void> {
    const isSource = error instanceof SourceFailure;
    const failure = describeFailure(isSource ? error.reason : error, {
      where: isSource ? 'source' : 'target',
      attempts: target.attempts,
      random: Math.random(),
    });
    const now = this.clock.now();
    const columns = failureColumns(failure, now);
    const isUnknown = failure.outcomeUnknown && progress.mayHaveWritten;
    await this.#settle(ctx, target, {
      ...columns,
      attempts: target.attempts + 1,
      ...(isUnknown ? { isVerifyDue: true } : {}),
    });
  }

  async #settle(ctx: RequestContext, target: SyncTargetEntity, set: Partial<SyncTargetEntity>): Promise<void> {
    // The attempt's own time limit must not keep its outcome from being stored.
    const { signal: _, ...unbounded } = ctx;
    await this.targets.settle(unbounded, target, set);
    faultPoint('reconcile.recorded');
  }
}

type Recorded = {
  readonly how: 'value' | 'metadata' | 'none';
  readonly wrote: boolean;
  readonly ownership: 'marker' | 'ledger';
  readonly lost?: string;
};

/** What was done so far in an attempt. */
type Progress = { mayHaveWritten: boolean };

/** How it can be proven that the object is ours. */
const provenBy = (vault: OpenTarget): Recorded['ownership'] => (vault.capabilities.metadata ? 'marker' : 'ledger');

const NO_ERROR = { errorCode: null, errorCause: null, errorAction: null } as const;

function failureColumns(failure: TargetFailure, now: Date): Partial<SyncTargetEntity> {
  return {
    status: failure.status,
    errorCode: failure.code,
    errorCause: failure.cause,
    errorAction: failure.action,
    nextAttemptAt: failure.retryInMs === undefined ? null : new Date(now.getTime() + failure.retryInMs),
  };
}
