import { Injectable } from '@nestjs/common';
import {
  ChangePreviews,
  ChangeService,
  type ChangeEntity,
  type ChangePreview,
  type Proposal,
} from '@claviger/features/changes';
import { TargetLedger, type ConflictPolicy, type SyncTargetEntity } from '@claviger/features/replication';
import { VaultProfileService } from '@claviger/features/vault-profiles';
import type { RequestContext } from '@claviger/kernel';
import { CHANGE_SOURCE, type ChangeSourceParameters } from './change-source.handler.js';
import { ContentReader } from './content-reader.js';
import { SecretAccess } from './secret-access.js';
import { gatedAsMove } from './secret-gating.js';
import { SecretPlanner } from './secret-planner.js';
import type { SecretEntity } from './secret.entity.js';
import { staleMatch } from './secret.errors.js';
import { SecretService, subjectOf, type FoundSecret } from './secret.service.js';

/** What a caller asks for who changes the source of a secret. */
export type NewSourceInput = {
  readonly profile: string;
  /** What to do when the new place holds something that is not ours. */
  readonly onConflict: ConflictPolicy;
  readonly expectedRevision?: number;
  readonly reason?: string;
};

/** Changes where a secret is managed. */
@Injectable()
export class SourceChangeService {
  constructor(
    private readonly records: SecretService,
    private readonly profiles: VaultProfileService,
    private readonly access: SecretAccess,
    private readonly planner: SecretPlanner,
    private readonly reader: ContentReader,
    private readonly targets: TargetLedger,
    private readonly changes: ChangeService,
    private readonly previews: ChangePreviews,
  ) {}

  /**
   * Makes a profile the source of the secret, and what was the source a sync profile. Undefined when it is the source
   * already. Needs `read` of the content at the old and `create` at the new one.
   */
  async change(ctx: RequestContext, id: string, input: NewSourceInput): Promise<ChangeEntity | undefined> {
    const proposal = await this.propose(ctx, id, input);
    return proposal && this.changes.submit(ctx, proposal.kind, proposal.change);
  }

  /** What changing the source would do at the new and at the old one. */
  async plan(ctx: RequestContext, id: string, input: NewSourceInput): Promise<ChangePreview> {
    const proposal = await this.propose(ctx, id, input);
    return proposal ? this.previews.preview(ctx, proposal) : { plan: [], waitsFor: [] };
  }

  /** Undefined when it is the source already. */
  async propose(
    ctx: RequestContext,
    id: string,
    { profile, onConflict, expectedRevision, reason }: NewSourceInput,
  ): Promise<Proposal<ChangeSourceParameters> | undefined> {
    const found = await this.records.findUsable(ctx, id, 'changeRecord');
    const { secret, named } = found;
    this.access.authorizeFound(ctx, 'replicateFrom', named);
    const at = { profile, name: secret.name };
    this.access.authorize(ctx, 'create', at);
    if (expectedRevision !== undefined && expectedRevision !== secret.revision) throw staleMatch(secret.revision);
    if (named.profile === profile) return undefined;
    const copy = await this.#findCopy(ctx, secret, profile);
    const content = copy ? undefined : (await this.reader.readVersion(ctx, secret, secret.currentVersion)).content;
    const to = await this.planner.newSource(ctx, secret, profile, { content, onConflict, copy });
    const parameters = {
      to,
      from: named.profile,
      fromId: secret.sourceProfileId,
      isTarget: copy !== undefined,
      onConflict,
      ...(expectedRevision === undefined ? {} : { expectedRevision }),
    };
    return { kind: CHANGE_SOURCE, change: this.#asChange(found, parameters, reason) };
  }

  #asChange(
    { secret, named }: FoundSecret,
    parameters: ChangeSourceParameters,
    reason?: string,
  ): Proposal<ChangeSourceParameters>['change'] {
    const { to, onConflict } = parameters;
    const at = { profile: to.profile, name: secret.name };
    return {
      subject: subjectOf({ secret, named }),
      secretId: secret.id,
      parameters,
      needs: [
        ...this.access.needs('changeRecord', named),
        ...this.access.needs('replicateFrom', named),
        ...this.access.needs('create', at),
        ...this.access.conflictNeeds(onConflict, at),
      ],
      gatedAs: gatedAsMove(secret, to.profileId),
      ...(reason ? { reason } : {}),
      isLocal: false,
    };
  }

  async #findCopy(ctx: RequestContext, secret: SecretEntity, profile: string): Promise<SyncTargetEntity | undefined> {
    const named = await this.profiles.find(ctx, profile);
    const targets = named?.name === profile ? await this.targets.list(ctx, secret.id) : [];
    return targets.find(({ profileId, desiredPresence }) => profileId === named!.id && desiredPresence !== 'absent');
  }
}
