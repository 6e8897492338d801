import { Inject, Injectable } from '@nestjs/common';
import { AccessService } from '@claviger/features/access';
import { requesterOf } from '@claviger/features/changes';
import { SecretService } from '@claviger/features/secrets';
import { inputInvalid, VaultProfileService } from '@claviger/features/vault-profiles';
import { CLOCK, isAppError, isId, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import type { Assignment } from './assignment.policy.js';
import { ComplianceDue } from './compliance-due.js';
import { complianceProfileNotFound, momentInFuture, runNotFound, scopeUnknown } from './compliance.errors.js';
import { ComplianceProfileRepository } from './compliance-profile.repository.js';
import type { ComplianceRunEntity, RunState } from './compliance-run.entity.js';
import { emptyResult, unreplayable, type MomentResult } from './replay.policy.js';
import type { Rule } from './rule.js';
import { RunRepository, type RunScope } from './run.repository.js';

/** What is asked for: one secret, all of a vault profile, or all. */
export type AskedScope = { readonly secret?: string; readonly vaultProfile?: string };

/** An evaluation or replay as it is shown. */
export type RunView = {
  readonly id: string;
  readonly state: RunState;
  /** How many secrets are to be looked at, in a replay once for each moment; and how many were. */
  readonly total: number;
  readonly done: number;
  readonly errorCode: string | null;
  readonly requestedBy: ComplianceRunEntity['requestedBy'];
  readonly createdAt: Date;
  readonly endedAt: Date | null;
};

export type ReplayView = RunView & { readonly moments: readonly MomentResult[] };

/** What is to be replayed: a profile as one of its versions says, or rules that are not in force. */
export type NewReplay = {
  readonly profile?: string;
  readonly version?: number;
  readonly rules?: readonly Rule[];
  readonly vaultProfiles?: readonly string[];
  readonly labelSelectors?: readonly Readonly<Record<string, string>>[];
  readonly moments: readonly Date[];
  readonly scope: AskedScope;
};

export type ReplayInput = Assignment & { readonly rules: readonly Rule[] };

const EVALUATIONS = 'claviger/compliance/evaluations';
const REPLAYS = 'claviger/compliance/replays';

/** Takes orders for evaluations and replays, and says how far they are. Workers carry them out. */
@Injectable()
export class RunService {
  constructor(
    private readonly database: Database,
    private readonly runs: RunRepository,
    private readonly due: ComplianceDue,
    private readonly profiles: ComplianceProfileRepository,
    private readonly vaultProfiles: VaultProfileService,
    private readonly secrets: SecretService,
    private readonly access: AccessService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Asks for looking at secrets now. @throws AppError ACCESS_DENIED, COMPLIANCE_SCOPE_UNKNOWN */
  async evaluate(ctx: RequestContext, asked: AskedScope): Promise<RunView> {
    this.access.authorize(ctx, EVALUATIONS, 'create');
    const scope = await this.#scope(ctx, asked);
    return this.database.transaction(ctx, async (tx) => {
      // Those that were never heard of, too.
      if (!scope.secretId && !scope.vaultProfileId) await this.due.markMissing(tx);
      const total = await this.runs.countSecrets(tx, scope);
      const run = { kind: 'evaluation', scope, input: {}, result: {}, total, requestedBy: requesterOf(tx) } as const;
      return toView((await this.runs.find(tx, 'evaluation', await this.runs.insert(tx, run)))!);
    });
  }

  /** Asks what rules would have found. @throws AppError ACCESS_DENIED, INPUT_INVALID, MOMENT_IN_FUTURE */
  async replay(ctx: RequestContext, { moments, scope: asked, ...what }: NewReplay): Promise<ReplayView> {
    this.access.authorize(ctx, REPLAYS, 'create');
    if (moments.some((moment) => moment > this.clock.now())) throw momentInFuture();
    const scope = await this.#scope(ctx, asked);
    const input = await this.#replayInput(ctx, what);
    const problems = unreplayable(input.rules).map(({ index, facts }) => ({
      pointer: `#/rules/${index}/brokenWhen`,
      message: `speaks of ${facts.join(', ')}, which nobody knows of the past`,
    }));
    if (problems.length > 0) throw inputInvalid(problems);
    return this.database.transaction(ctx, async (tx) => {
      const sorted = [...moments].sort((a, b) => a.getTime() - b.getTime());
      const result = { moments: sorted.map((moment) => emptyResult(moment, input.rules)) };
      const total = await this.#countSnapshots(tx, scope, sorted);
      const run = { kind: 'replay', scope, input, result, total, requestedBy: requesterOf(tx) } as const;
      return toReplayView((await this.runs.find(tx, 'replay', await this.runs.insert(tx, run)))!);
    });
  }

  /** @throws AppError ACCESS_DENIED, COMPLIANCE_RUN_NOT_FOUND */
  async getEvaluation(ctx: RequestContext, id: string): Promise<RunView> {
    this.access.authorize(ctx, EVALUATIONS, 'read');
    const run = await this.runs.find(ctx, 'evaluation', id);
    if (!run) throw runNotFound();
    return toView(run);
  }

  /** @throws AppError ACCESS_DENIED, COMPLIANCE_RUN_NOT_FOUND */
  async getReplay(ctx: RequestContext, id: string): Promise<ReplayView> {
    this.access.authorize(ctx, REPLAYS, 'read');
    const run = await this.runs.find(ctx, 'replay', id);
    if (!run) throw runNotFound();
    return toReplayView(run);
  }

  async #scope(ctx: RequestContext, { secret, vaultProfile }: AskedScope): Promise<RunScope> {
    if (secret !== undefined) {
      const found = isId(secret) ? await this.secrets.peek(ctx, secret).catch(absent) : undefined;
      if (!found) throw scopeUnknown();
      return { secretId: found.id };
    }
    if (vaultProfile === undefined) return {};
    const found = await this.vaultProfiles.find(ctx, vaultProfile);
    if (!found) throw scopeUnknown();
    return { vaultProfileId: found.id };
  }

  async #replayInput(ctx: RequestContext, what: Omit<NewReplay, 'moments' | 'scope'>): Promise<ReplayInput> {
    if (what.profile === undefined) {
      const vaultProfiles = await Promise.all(
        (what.vaultProfiles ?? []).map((one) => this.vaultProfiles.find(ctx, one)),
      );
      if (vaultProfiles.some((found) => !found)) throw scopeUnknown();
      return {
        rules: what.rules ?? [],
        vaultProfiles: vaultProfiles.map((found) => found!.id),
        labelSelectors: what.labelSelectors ?? [],
      };
    }
    this.access.authorize(ctx, `claviger/compliance-profiles/${what.profile}`, 'read');
    const profile = await this.profiles.find(ctx, what.profile, what.version);
    if (!profile) throw complianceProfileNotFound();
    const { rules, vaultProfiles, labelSelectors } = profile;
    return { rules, vaultProfiles, labelSelectors };
  }

  async #countSnapshots(ctx: RequestContext, scope: RunScope, moments: readonly Date[]): Promise<number> {
    const [row] = (await this.database.manager(ctx).query(
      `select count(*)::int as count from unnest($2::timestamptz[]) as m (at)
       join compliance_snapshot s on s.from_at <= m.at and (s.to_at is null or s.to_at > m.at)
       where s.store_id = $1 and ($3::uuid is null or s.secret_id = $3) and ($4::uuid is null or s.source_profile_id = $4)`,
      [ctx.storeId, moments, scope.secretId ?? null, scope.vaultProfileId ?? null],
    )) as [{ count: number }];
    return row.count;
  }
}

function absent(error: unknown): undefined {
  if (isAppError(error) && error.kind === 'not_found') return undefined;
  throw error;
}

function toView({ id, state, total, done, errorCode, requestedBy, createdAt, endedAt }: ComplianceRunEntity): RunView {
  return { id, state, total, done, errorCode, requestedBy, createdAt, endedAt };
}

function toReplayView(run: ComplianceRunEntity): ReplayView {
  return { ...toView(run), moments: run.result['moments'] as MomentResult[] };
}
