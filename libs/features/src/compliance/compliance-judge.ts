import { Inject, Injectable } from '@nestjs/common';
import { AuditService } from '@claviger/features/audit';
import type { ChangeJudge, Judgeable, RuleReview } from '@claviger/features/changes';
import { Outbox } from '@claviger/features/notifications';
import { ADOPT_DRIFT, CREATE_SECRET } from '@claviger/features/secrets';
import { CLOCK, type AppError, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import { couldBeAssigned } from './assignment.policy.js';
import { compareRules, isRefused, type RuleComparison, type Stand } from './blocking.policy.js';
import { ComplianceDirectory, type CompiledProfile } from './compliance-directory.js';
import { complianceBlocked, MEND_IT, REPLACE_IT, type BrokenRule } from './compliance.errors.js';
import { ComplianceRecords } from './compliance-records.js';
import { PROPOSING_KINDS, proposedState } from './proposed-state.js';
import { SecretStates } from './secret-states.js';
import { WaiverRepository } from './waiver.repository.js';

type Proposal = { readonly before: Stand | undefined; readonly after: Stand; readonly writesContent: boolean };

/** What else can be done than what was refused, where that is not the same as everywhere. */
const WAYS_OUT: Readonly<Record<string, string>> = { [CREATE_SECRET]: MEND_IT, [ADOPT_DRIFT]: REPLACE_IT };

/** Most rules that an approver is shown. */
const MAX_REVIEWED = 200;

/** Judges changes before anything is written, by the rules that block. */
@Injectable()
export class ComplianceJudge implements ChangeJudge {
  constructor(
    private readonly database: Database,
    private readonly directory: ComplianceDirectory,
    private readonly states: SecretStates,
    private readonly records: ComplianceRecords,
    private readonly waivers: WaiverRepository,
    private readonly outbox: Outbox,
    private readonly audit: AuditService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async couldRefuse(ctx: RequestContext, vaultProfileId: string): Promise<boolean> {
    const blocking = await this.directory.blocking(ctx);
    return blocking.some((profile) => couldBeAssigned(profile, vaultProfileId));
  }

  async judge(ctx: RequestContext, kind: string, change: Judgeable): Promise<void> {
    if (!PROPOSING_KINDS.has(kind)) return;
    const blocking = await this.directory.blocking(ctx);
    if (blocking.length === 0) return;
    const proposal = await this.#propose(ctx, kind, change);
    if (!proposal) return;
    const refusing = this.#compare(blocking, proposal).filter((one) => isRefused(one, proposal.writesContent));
    const refused = await this.#withoutWaived(ctx, change, refusing);
    if (refused.length > 0) throw complianceBlocked(refused.map(toBrokenRule), WAYS_OUT[kind]);
  }

  async tell(ctx: RequestContext, { subject }: Judgeable, refusal: AppError): Promise<void> {
    if (refusal.code !== 'COMPLIANCE_BLOCKED') return;
    const rules = (refusal.details!['rules'] as BrokenRule[]).map(({ profile, rule }) => ({ profile, rule }));
    await this.database.transaction(ctx, async (tx) => {
      await this.outbox.add(tx, 'compliance.blocked', subject.id, { name: subject.name, rules });
      const details = { rules: rules.map(({ profile, rule }) => `${profile}/${rule}`).join(', ') };
      const event = { action: 'compliance.block', outcome: 'failed', resource: subject, details } as const;
      await this.audit.record(tx, this.audit.entry(tx, event));
    });
  }

  async review(ctx: RequestContext, kind: string, change: Judgeable): Promise<RuleReview[]> {
    if (!PROPOSING_KINDS.has(kind)) return [];
    const proposal = await this.#propose(ctx, kind, change);
    if (!proposal) return [];
    const compared = this.#compare(await this.directory.all(ctx), proposal);
    return compared.slice(0, MAX_REVIEWED).map(({ profile, rule, before, after }) => ({
      profile: profile.name,
      rule: rule.id,
      title: rule.title,
      severity: rule.severity,
      mode: rule.mode,
      before,
      after,
    }));
  }

  #compare(profiles: readonly CompiledProfile[], { before, after }: Proposal): RuleComparison[] {
    return compareRules(profiles, { before, after, now: this.clock.now() });
  }

  /** Undefined when the secret is not there any more: whoever executes the change will say so. */
  async #propose(ctx: RequestContext, kind: string, change: Judgeable): Promise<Proposal | undefined> {
    const places = await this.states.places(ctx);
    const [current] = await this.states.load(ctx, [change.secretId!]);
    const isNew = kind.endsWith('.create');
    if (!isNew && !current) return undefined;
    const world = {
      now: this.clock.now(),
      place: (id: string) => {
        const { isGated, ...place } = places.get(id)!;
        return { place, isGated };
      },
      ...(current && { current }),
    };
    const proposed = proposedState(kind, change.parameters, world);
    const { vaultProfile, fingerprint } = proposed;
    const [usedBefore, usedAfter] = [current?.fingerprint ?? null, fingerprint ?? current?.fingerprint ?? null];
    const others = (used: string | null): Promise<number> | number =>
      used === null ? 0 : this.records.countOthers(ctx, used, change.secretId!);
    const reusedBefore = await others(usedBefore);
    const reusedAfter = usedAfter === usedBefore ? reusedBefore : await others(usedAfter);
    return {
      before: current && { vaultProfile: current.vaultProfile, state: { ...current.state, reusedBy: reusedBefore } },
      after: { vaultProfile, state: { ...proposed.state, reusedBy: reusedAfter } },
      writesContent: fingerprint !== null,
    };
  }

  async #withoutWaived(
    ctx: RequestContext,
    { secretId }: Judgeable,
    refusing: readonly RuleComparison[],
  ): Promise<readonly RuleComparison[]> {
    if (refusing.length === 0) return refusing;
    const waived = await this.waivers.listInForce(ctx, secretId!, this.clock.now());
    return refusing.filter(
      ({ profile, rule }) => !waived.some((one) => one.profileId === profile.id && one.ruleId === rule.id),
    );
  }
}

function toBrokenRule({ profile, rule: { id, title, remediation } }: RuleComparison): BrokenRule {
  return { profile: profile.name, rule: id, title, remediation };
}
