import { Inject, Injectable } from '@nestjs/common';
import { AccessService } from '@claviger/features/access';
import { ChangeService, UNGATED, type ChangeEntity } from '@claviger/features/changes';
import { SecretService } from '@claviger/features/secrets';
import { CLOCK, newId, type Clock, type RequestContext } from '@claviger/kernel';
import { isAssigned } from './assignment.policy.js';
import { momentInFuture, ruleNotFound, waiverExists, waiverInvalid, waiverNotFound } from './compliance.errors.js';
import { ComplianceProfileRepository } from './compliance-profile.repository.js';
import { END_WAIVER, WAIVE, type EndWaiverParameters, type WaiveParameters } from './waiver.handlers.js';
import { WaiverRepository, type Waiver, type WaiverQuery } from './waiver.repository.js';

/** Longest waiver: what is to last for longer is another rule. */
const MAX_DAYS = 366;
const DAY_MS = 86_400_000;

export type NewWaiver = {
  readonly secretId: string;
  readonly profile: string;
  readonly rule: string;
  readonly reason: string;
  readonly until: Date;
};

const path = (secret = ''): string => `claviger/compliance/waivers/${secret}`;

/**
 * That a secret may break a rule for a while. Granting one waits for approval where the approval profile of the secret's vault profile gates
 * waivers, or attributes; ending one makes things stricter and does not.
 */
@Injectable()
export class WaiverService {
  constructor(
    private readonly waivers: WaiverRepository,
    private readonly profiles: ComplianceProfileRepository,
    private readonly secrets: SecretService,
    private readonly changes: ChangeService,
    private readonly access: AccessService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Asks for a waiver, for a caller who may read the record of the secret and `create claviger/compliance/waivers/<profile>/<name>`.
   * @throws AppError SECRET_NOT_FOUND, ACCESS_DENIED, COMPLIANCE_RULE_NOT_FOUND, WAIVER_EXISTS, WAIVER_INVALID
   */
  async waive(ctx: RequestContext, { secretId, profile: name, rule, reason, until }: NewWaiver): Promise<ChangeEntity> {
    const { secret, named } = await this.secrets.find(ctx, secretId);
    const needs = [{ path: path(`${named.profile}/${named.name}`), operation: 'create' }] as const;
    this.access.authorize(ctx, needs[0].path, 'create');
    const now = this.clock.now();
    if (until <= now || until.getTime() > now.getTime() + MAX_DAYS * DAY_MS)
      throw waiverInvalid(`It must end in the future, within ${MAX_DAYS} days.`);
    const profile = await this.profiles.find(ctx, name);
    const at = { vaultProfile: secret.sourceProfileId, labels: secret.labels };
    if (!profile?.rules.some(({ id }) => id === rule) || !isAssigned(profile, at)) throw ruleNotFound();
    const others = await this.waivers.listInForce(ctx, secretId, now);
    if (others.some((one) => one.profileId === profile.id && one.ruleId === rule)) throw waiverExists();
    return this.changes.submit<WaiveParameters>(ctx, WAIVE, {
      subject: { kind: 'waiver', id: newId(), name: `${named.profile}/${named.name}` },
      secretId,
      parameters: { profile: name, profileId: profile.id, rule, until: until.toISOString() },
      reason,
      needs,
      gatedAs: {
        at: [{ vaultProfile: secret.sourceProfileId, kinds: ['waiver', 'attributes'] }],
        facts: [{ name: secret.name, type: secret.type, owner: secret.owner, labels: secret.labels }],
      },
      isLocal: true,
    });
  }

  /** Ends a waiver that is in force. @throws AppError WAIVER_NOT_FOUND, ACCESS_DENIED */
  async end(ctx: RequestContext, id: string, reason?: string): Promise<ChangeEntity> {
    const waiver = await this.get(ctx, id);
    if (waiver.state !== 'in_force') throw waiverNotFound();
    const need = { path: path(`${waiver.vaultProfile}/${waiver.secret}`), operation: 'delete' } as const;
    this.access.authorize(ctx, need.path, 'delete');
    return this.changes.submit<EndWaiverParameters>(ctx, END_WAIVER, {
      subject: { kind: 'waiver', id, name: `${waiver.vaultProfile}/${waiver.secret}` },
      parameters: { waiverId: id },
      ...(reason ? { reason } : {}),
      needs: [need],
      gatedAs: UNGATED,
      isLocal: true,
    });
  }

  /** @throws AppError WAIVER_NOT_FOUND */
  async get(ctx: RequestContext, id: string): Promise<Waiver> {
    const [waiver] = await this.waivers.list(ctx, { id, limit: 1 }, this.clock.now());
    if (!waiver) throw waiverNotFound();
    try {
      this.access.authorize(ctx, path(`${waiver.vaultProfile}/${waiver.secret}`), 'read');
    } catch (refusal) {
      throw waiverNotFound(refusal);
    }
    return waiver;
  }

  /** In the order in which they were granted. @throws AppError ACCESS_DENIED, MOMENT_IN_FUTURE */
  async list(ctx: RequestContext, query: WaiverQuery): Promise<Waiver[]> {
    this.access.authorize(ctx, path(), 'list');
    const now = this.clock.now();
    if (query.asOf && query.asOf > now) throw momentInFuture();
    return this.waivers.list(ctx, query, now);
  }

  /** Tells of waivers that end soon; returns of how many. */
  tellExpiring(ctx: RequestContext): Promise<number> {
    return this.waivers.tellExpiring(ctx, this.clock.now());
  }
}
