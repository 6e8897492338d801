import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import type { Proposal } from '@claviger/features/changes';
import { ContentService, SecretAdoption, SecretService, SourceChangeService } from '@claviger/features/secrets';
import type { PlanBase } from './plan.entity.js';
import type { PlanRequest } from './plan-request.js';
import { alreadySource } from './plan.errors.js';

/** An item as its caller may ask for it now, bound to what the secret was when it was looked at. */
export type ProposedItem = {
  readonly proposal: Proposal;
  /** It would write what is there already, and the caller may know. */
  readonly isUnchanged: boolean;
  readonly base: Pick<PlanBase, 'secret' | 'seen'>;
};

/** Makes of an item of a plan the change that the endpoint for one change would make of it. */
@Injectable()
export class PlanProposals {
  constructor(
    private readonly secrets: SecretService,
    private readonly content: ContentService,
    private readonly adoption: SecretAdoption,
    private readonly sources: SourceChangeService,
  ) {}

  /**
   * Authorises and validates for the caller of the context. Bound to `base` where it is given, else to the world as it is.
   * @throws AppError as the endpoint for one change; STALE_MATCH, FOUND_CONTENT_CHANGED when the world is another one
   */
  async propose(ctx: RequestContext, request: PlanRequest, base?: ProposedItem['base']): Promise<ProposedItem> {
    if (request.kind === 'secret.create') {
      const { kind: _, ...input } = request;
      return { proposal: await this.secrets.proposeCreate(ctx, input), isUnchanged: false, base: {} };
    }
    if (request.kind === 'secret.adopt') {
      const { kind: _, seen: shown, ...input } = request;
      const { proposal, seen } = await this.adoption.propose(ctx, input, base?.seen ?? shown);
      return { proposal, isUnchanged: false, base: { seen } };
    }
    const secret = base?.secret ?? (await this.#look(ctx, request.secretId));
    const { proposal, unchanged } = await this.#proposeOn(ctx, request, secret);
    return { proposal, isUnchanged: unchanged !== undefined, base: { secret } };
  }

  /** As it is, for nobody's eyes: what the caller may see is judged by the proposal. */
  async #look(ctx: RequestContext, id: string): Promise<NonNullable<PlanBase['secret']>> {
    const { revision, currentVersion: version } = await this.secrets.peek(ctx, id);
    return { revision, version };
  }

  async #proposeOn(
    ctx: RequestContext,
    request: Extract<PlanRequest, { readonly secretId: string }>,
    { revision: expectedRevision, version: baseVersion }: NonNullable<PlanBase['secret']>,
  ): Promise<{ readonly proposal: Proposal; readonly unchanged?: number }> {
    const { kind, secretId: id } = request;
    const why = request.reason === undefined ? {} : { reason: request.reason };
    const { secrets, content } = this;
    switch (kind) {
      case 'secret.content':
        return content.proposeWrite(ctx, id, { content: request.content, baseVersion, ...why });
      case 'secret.content.patch':
        return content.proposePatch(ctx, id, { content: request.content, baseVersion, ...why });
      case 'secret.rotate':
        return content.proposeRotate(ctx, id, { generate: request.generate, baseVersion, ...why });
      case 'secret.restore':
        return content.proposeRestore(ctx, id, request.number, { baseVersion, ...why });
      case 'secret.attributes': {
        const parameters = { set: request.set, expectedRevision };
        return { proposal: await secrets.proposeEdit(ctx, id, parameters, request.reason) };
      }
      case 'secret.enable':
      case 'secret.disable': {
        const expected = { expectedRevision, ...why };
        return { proposal: await secrets.proposeDisabled(ctx, id, kind === 'secret.disable', expected) };
      }
      case 'secret.delete':
        return {
          proposal: await secrets.proposeRemove(ctx, id, { retain: request.retain, expectedRevision, ...why }),
        };
      case 'secret.sync-profile.add': {
        const input = { profile: request.profile, onConflict: request.onConflict, expectedRevision, ...why };
        return { proposal: await secrets.proposeAddSyncProfile(ctx, id, input) };
      }
      case 'secret.sync-profile.remove': {
        const input = { profile: request.profile, purge: request.purge, expectedRevision, ...why };
        return { proposal: await secrets.proposeRemoveSyncProfile(ctx, id, input) };
      }
      case 'secret.source-profile': {
        const input = { profile: request.profile, onConflict: request.onConflict, expectedRevision, ...why };
        const proposal = await this.sources.propose(ctx, id, input);
        if (!proposal) throw alreadySource(request.profile);
        return { proposal };
      }
      case 'secret.version.delete':
      case 'secret.version.undelete':
      case 'secret.version.destroy': {
        const options = { expectedRevision, ...why };
        return { proposal: await content.proposeVersion(ctx, id, request.number, VERSION_ACTS[kind], options) };
      }
    }
  }
}

const VERSION_ACTS = {
  'secret.version.delete': 'softDelete',
  'secret.version.undelete': 'undelete',
  'secret.version.destroy': 'destroy',
} as const;
