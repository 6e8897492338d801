import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, isAppError, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { compileRule, type CompiledRule } from './compiled-rules.js';
import type { ComplianceRunEntity } from './compliance-run.entity.js';
import { BATCH, Evaluator } from './evaluator.js';
import { replay, type MomentResult, type PastSecret } from './replay.policy.js';
import type { ReplayInput } from './run.service.js';
import { RunRepository, type RunScope } from './run.repository.js';

/** After this time without progress somebody else goes on. Longer than a batch lasts. */
const LEASE_MS = 60_000;

/** A part of a run that was carried out; without a position it is at its end. */
type Step = { readonly done: number; readonly position: string | null; readonly result?: Record<string, unknown> };

/** Carries out evaluations and replays in parts, so that one that loses its process is gone on with where it was. */
@Injectable()
export class RunWorker {
  constructor(
    private readonly database: Database,
    private readonly runs: RunRepository,
    private readonly evaluator: Evaluator,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Carries out all that is waiting, the oldest first; returns how many it ended. */
  async run(ctx: RequestContext, signal?: AbortSignal): Promise<number> {
    for (let ended = 0; ;) {
      const run = await this.runs.claim(ctx, this.clock.now(), this.#lease());
      if (!run || signal?.aborted) return ended;
      if (await this.#carryOut(ctx, run, signal)) ended += 1;
    }
  }

  /** False when it was left to somebody else. */
  async #carryOut(ctx: RequestContext, claimed: ComplianceRunEntity, signal?: AbortSignal): Promise<boolean> {
    let run = claimed;
    const step = run.kind === 'evaluation' ? evaluationStep(this.evaluator, this.runs) : this.#replayStep(run);
    for (;;) {
      let next: Step;
      try {
        next = await step(ctx, run);
      } catch (error) {
        if (!isAppError(error) || error.retryable) throw error;
        const failure = { state: 'failed', errorCode: error.code, endedAt: this.clock.now() } as const;
        return this.runs.record(ctx, run, failure, null);
      }
      const done = run.done + next.done;
      const { position, result } = next;
      const isEnded = position === null;
      const end = isEnded ? ({ state: 'done', endedAt: this.clock.now() } as const) : {};
      // Whoever stops gives it back at once.
      const lease = isEnded || signal?.aborted ? null : this.#lease();
      const isMine = await this.runs.record(ctx, run, { done, position, ...(result && { result }), ...end }, lease);
      if (isEnded && isMine) return true;
      if (!isMine || signal?.aborted) return false;
      run = { ...run, done, position, leaseUntil: lease, ...(result && { result }) };
    }
  }

  #replayStep(run: ComplianceRunEntity): (ctx: RequestContext, run: ComplianceRunEntity) => Promise<Step> {
    const { rules, ...assignment } = run.input as ReplayInput;
    const compiled: readonly CompiledRule[] = rules.map(compileRule);
    return async (ctx, { position, result, scope }) => {
      const moments = result['moments'] as MomentResult[];
      const [index, after] = position === null ? [0, null] : readPosition(position);
      const at = moments[index]!;
      const secrets = await this.#listPast(ctx, scope as RunScope, new Date(at.at), after);
      const counted = moments.with(index, replay(at, secrets, { rules: compiled, assignment }));
      const isMomentDone = secrets.length < BATCH;
      const isLast = isMomentDone && index === moments.length - 1;
      const next = isMomentDone ? `${index + 1}/` : `${index}/${secrets.at(-1)!.secretId}`;
      return { done: secrets.length, position: isLast ? null : next, result: { moments: counted } };
    };
  }

  /** Secrets as they were at a moment, after one of them. */
  async #listPast(ctx: RequestContext, scope: RunScope, at: Date, after: string | null): Promise<PastSecret[]> {
    return (await this.database.manager(ctx).query(
      `select secret_id as "secretId", source_profile_id as "vaultProfile", state from compliance_snapshot
       where store_id = $1 and from_at <= $2 and (to_at is null or to_at > $2) and ($3::uuid is null or secret_id > $3)
         and ($4::uuid is null or secret_id = $4) and ($5::uuid is null or source_profile_id = $5)
       order by secret_id limit $6`,
      [ctx.storeId, at, after, scope.secretId ?? null, scope.vaultProfileId ?? null, BATCH],
    )) as PastSecret[];
  }

  #lease(): Date {
    return new Date(this.clock.now().getTime() + LEASE_MS);
  }
}

function evaluationStep(
  evaluator: Evaluator,
  runs: RunRepository,
): (ctx: RequestContext, run: ComplianceRunEntity) => Promise<Step> {
  return async (ctx, { scope, position }) => {
    const ids = await runs.listSecrets(ctx, scope as RunScope, position, BATCH);
    await evaluator.look(ctx, ids);
    return { done: ids.length, position: ids.length < BATCH ? null : ids.at(-1)! };
  };
}

function readPosition(position: string): [number, string | null] {
  const [index, after] = position.split('/');
  return [Number(index), after === '' ? null : after!];
}
