import { Inject, Injectable } from '@nestjs/common';
import type {
  ChangeHandler,
  ChangeResult,
  ChangeReview,
  ChangeSubjectKeeper,
  ExecutingChange,
} from '@claviger/features/changes';
import { SecretService } from '@claviger/features/secrets';
import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { ComplianceProfileRepository } from './compliance-profile.repository.js';
import { ruleNotFound, waiverExists, waiverInvalid, waiverNotFound } from './compliance.errors.js';
import { WaiverRepository } from './waiver.repository.js';

export type WaiveParameters = {
  readonly profile: string;
  readonly profileId: string;
  readonly rule: string;
  /** ISO 8601. */
  readonly until: string;
};
export type EndWaiverParameters = { readonly waiverId: string };

export const WAIVE = 'compliance.waive';
export const END_WAIVER = 'compliance.end-waiver';

/** Grants and ends waivers. */
@Injectable()
export class WaiverHandlers {
  readonly all: readonly [ChangeHandler<WaiveParameters>, ChangeHandler<EndWaiverParameters>];

  constructor(
    private readonly waivers: WaiverRepository,
    private readonly profiles: ComplianceProfileRepository,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.all = [
      { kind: WAIVE, complete: (tx, change) => this.#waive(tx, change) },
      { kind: END_WAIVER, complete: (tx, change) => this.#end(tx, change) },
    ];
  }

  async #waive(tx: RequestContext, change: ExecutingChange<WaiveParameters>): Promise<ChangeResult> {
    const { profile, profileId, rule, until } = change.parameters;
    const now = this.clock.now();
    const untilAt = new Date(until);
    // It may have waited for approval for longer than it was to last.
    if (untilAt <= now) throw waiverInvalid('Its end has passed.');
    // Locked, so that two waivers of one rule are granted one after the other.
    const found = await this.profiles.lock(tx, profile);
    if (found?.id !== profileId || !found.rules.some(({ id }) => id === rule)) throw ruleNotFound();
    const others = await this.waivers.listInForce(tx, change.secretId!, now);
    if (others.some((one) => one.profileId === profileId && one.ruleId === rule)) throw waiverExists();
    await this.waivers.insert(tx, {
      id: change.subject.id,
      secretId: change.secretId!,
      profileId,
      ruleId: rule,
      reason: change.reason!,
      fromAt: now,
      untilAt,
      requestedBy: change.requestedBy,
      changeId: change.id,
    });
    return { waiverId: change.subject.id };
  }

  async #end(tx: RequestContext, change: ExecutingChange<EndWaiverParameters>): Promise<ChangeResult> {
    const { waiverId } = change.parameters;
    const now = this.clock.now();
    if (!(await this.waivers.lockInForce(tx, waiverId, now))) throw waiverNotFound();
    await this.waivers.end(tx, waiverId, now, change.requestedBy);
    return { waiverId };
  }
}

/** What approvals of waivers are about: the rule that is waived, as it says it, for the secret as it is. */
@Injectable()
export class WaiverKeeper implements ChangeSubjectKeeper {
  readonly kind = 'waiver';

  constructor(
    private readonly profiles: ComplianceProfileRepository,
    private readonly secrets: SecretService,
  ) {}

  async bind(ctx: RequestContext, _kind: string, { parameters, secretId }: ExecutingChange): Promise<unknown> {
    const { profile, profileId, rule } = parameters as WaiveParameters;
    const found = await this.profiles.find(ctx, profile);
    const said = found?.id === profileId ? found.rules.find(({ id }) => id === rule) : undefined;
    if (!said) throw ruleNotFound();
    const { revision, currentVersion } = await this.secrets.peek(ctx, secretId!);
    return { rule: said, revision, version: currentVersion };
  }

  async review(ctx: RequestContext, _kind: string, change: ExecutingChange): Promise<ChangeReview> {
    const { profile, rule, until } = change.parameters as WaiveParameters;
    const { type } = await this.secrets.peek(ctx, change.secretId!);
    const settings = { profile, rule, until };
    return {
      type,
      settings: Object.entries(settings).map(([name, after]) => ({ name, before: null, after })),
      values: [],
      plan: [],
    };
  }
}
