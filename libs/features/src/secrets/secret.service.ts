import { Injectable } from '@nestjs/common';
import { type Actor, newId, type RequestContext } from '@claviger/kernel';
import {
  ChangePreviews,
  ChangeService,
  type ChangeEntity,
  type ChangePreview,
  type Need,
  type PreparedChange,
  type Proposal,
} from '@claviger/features/changes';
import { Owners } from '@claviger/features/principals';
import { targetNotFound, TargetLedger, type ConflictPolicy } from '@claviger/features/replication';
import { VaultProfileService } from '@claviger/features/vault-profiles';
import { assertPathName } from '@claviger/vaults/contract';
import { generateContent } from './content/index.js';
import { CREATE_SECRET, type CreateParameters, type PlannedPlace } from './create-secret.handler.js';
import { DELETE_SECRET, type DeleteParameters } from './delete-secret.handler.js';
import { DISABLE_SECRET, EDIT_SECRET, ENABLE_SECRET, type EditParameters } from './edit-secret.handlers.js';
import { SecretAccess, type NamedSecret, type SecretAct } from './secret-access.js';
import type { NewSecret } from './new-secret.js';
import { gatedAs, gatedAsEdit, gatedAsRemoval } from './secret-gating.js';
import { SecretPlanner } from './secret-planner.js';
import type { SecretEntity } from './secret.entity.js';
import {
  contentOrGenerate,
  ownerUnknown,
  secretDisabled,
  secretNotActive,
  secretNotFound,
  vaultProfileDisabled,
} from './secret.errors.js';
import { SecretRepository, type SecretListQuery } from './secret.repository.js';
import { ADD_SYNC_PROFILE, REMOVE_SYNC_PROFILE } from './sync-profile.handlers.js';

/** A living secret that the caller may act on, with the name of its source profile. */
export type FoundSecret = { readonly secret: SecretEntity; readonly named: NamedSecret };

/** The revision that the caller saw, absent for any; and why. */
type Expecting = { readonly expectedRevision?: number; readonly reason?: string };

export type SyncProfileToAdd = {
  readonly profile: string;
  readonly onConflict: ConflictPolicy;
  readonly reason?: string;
};
export type SyncProfileToRemove = { readonly profile: string; readonly purge: boolean; readonly reason?: string };

/** What says whether content can be used. */
export type UsableSecret = Pick<SecretEntity, 'state' | 'isDisabled' | 'sourceProfileId' | 'name'>;

/** The records of secrets: creating, finding, editing, deleting, and where they are replicated to. */
@Injectable()
export class SecretService {
  constructor(
    private readonly secrets: SecretRepository,
    private readonly profiles: VaultProfileService,
    private readonly access: SecretAccess,
    private readonly planner: SecretPlanner,
    private readonly changes: ChangeService,
    private readonly previews: ChangePreviews,
    private readonly targets: TargetLedger,
    private readonly owners: Owners,
  ) {}

  async create(ctx: RequestContext, input: NewSecret): Promise<ChangeEntity> {
    return this.#submit(ctx, await this.proposeCreate(ctx, input));
  }

  /** What creating would do at each vault. */
  async planCreate(ctx: RequestContext, input: NewSecret): Promise<ChangePreview> {
    return this.previews.preview(ctx, await this.proposeCreate(ctx, input));
  }

  /** The secret, for an act that the caller may do. @throws AppError SECRET_NOT_FOUND, ACCESS_DENIED */
  async find(ctx: RequestContext, id: string, act: SecretAct = 'readRecord'): Promise<FoundSecret> {
    const secret = await this.secrets.find(ctx, id);
    if (!secret) throw secretNotFound();
    return { secret, named: await this.authorizeFound(ctx, secret, act) };
  }

  /** Judges an act on a secret that was found. @throws AppError SECRET_NOT_FOUND, ACCESS_DENIED */
  async authorizeFound(
    ctx: RequestContext,
    secret: Pick<SecretEntity, 'sourceProfileId' | 'name'>,
    act: SecretAct,
  ): Promise<NamedSecret> {
    const profile = (await this.profiles.names(ctx)).get(secret.sourceProfileId) ?? secret.sourceProfileId;
    const named = { profile, name: secret.name };
    this.access.authorizeFound(ctx, act, named);
    return named;
  }

  /**
   * The secret, for an act on its content that the caller may do and that it is in a state for.
   * @throws AppError SECRET_NOT_FOUND, ACCESS_DENIED, SECRET_NOT_ACTIVE, SECRET_DISABLED, VAULT_PROFILE_DISABLED
   */
  async findUsable(ctx: RequestContext, id: string, act: SecretAct): Promise<FoundSecret> {
    const secret = await this.secrets.find(ctx, id);
    if (!secret) throw secretNotFound();
    return { secret, named: await this.assertUsable(ctx, secret, act) };
  }

  /** The same about a secret that was found. */
  async assertUsable(ctx: RequestContext, secret: UsableSecret, act: SecretAct): Promise<NamedSecret> {
    const named = await this.authorizeFound(ctx, secret, act);
    if (secret.state !== 'active') throw secretNotActive(secret.state);
    if (secret.isDisabled) throw secretDisabled();
    const profile = await this.profiles.get(ctx, secret.sourceProfileId);
    if (!profile.isEnabled) throw vaultProfileDisabled(profile.name);
    return named;
  }

  /** The living secret of that name. @throws AppError SECRET_NOT_FOUND */
  async findByName(ctx: RequestContext, profile: string, name: string): Promise<FoundSecret> {
    this.access.authorizeFound(ctx, 'readRecord', { profile, name });
    const found = await this.profiles.find(ctx, profile);
    const secret = found?.name === profile ? await this.secrets.findByName(ctx, found.id, name) : undefined;
    if (!secret) throw secretNotFound();
    return { secret, named: { profile, name } };
  }

  /** Those that the caller may list, of one profile or all. */
  async list(
    ctx: RequestContext,
    {
      owner,
      ...query
    }: Omit<SecretListQuery, 'profileIds' | 'owners'> & {
      readonly profile?: string;
      /** `me` for the caller and the groups that they are in. */
      readonly owner?: string;
    },
  ): Promise<SecretEntity[]> {
    const names = await this.profiles.names(ctx);
    const profileIds = [...names]
      .filter(([id, name]) => query.profile === undefined || query.profile === name || query.profile === id)
      .filter(([, name]) => this.access.canList(ctx, name))
      .map(([id]) => id);
    if (profileIds.length === 0) return [];
    const owners = owner === ME ? namesOf(ctx.actor) : owner === undefined ? undefined : [owner];
    return this.secrets.list(ctx, { ...query, profileIds, ...(owners && { owners }) });
  }

  async edit(ctx: RequestContext, id: string, parameters: EditParameters, reason?: string): Promise<ChangeEntity> {
    return this.#submit(ctx, await this.proposeEdit(ctx, id, parameters, reason));
  }

  /** What editing would do: nothing at any vault, but it tells whether it would be refused, or wait. */
  async planEdit(ctx: RequestContext, id: string, parameters: EditParameters): Promise<ChangePreview> {
    return this.previews.preview(ctx, await this.proposeEdit(ctx, id, parameters));
  }

  async proposeEdit(ctx: RequestContext, id: string, parameters: EditParameters, reason?: string): Promise<Proposal> {
    const found = await this.find(ctx, id, 'changeRecord');
    const { set } = parameters;
    await this.#assertOwner(ctx, set.owner);
    return localProposal(EDIT_SECRET, found, {
      parameters,
      needs: this.access.needs('changeRecord', found.named),
      gatedAs: gatedAsEdit(found.secret, set),
      reason,
    });
  }

  /** The row behind a change that the caller just made. */
  async peek(ctx: RequestContext, id: string): Promise<SecretEntity> {
    const secret = await this.secrets.find(ctx, id);
    if (!secret) throw secretNotFound();
    return secret;
  }

  async setDisabled(ctx: RequestContext, id: string, isDisabled: boolean, reason?: string): Promise<ChangeEntity> {
    return this.#submit(ctx, await this.proposeDisabled(ctx, id, isDisabled, reason ? { reason } : {}));
  }

  async proposeDisabled(
    ctx: RequestContext,
    id: string,
    isDisabled: boolean,
    { reason, ...expected }: Expecting,
  ): Promise<Proposal> {
    const found = await this.find(ctx, id, 'changeRecord');
    return localProposal(isDisabled ? DISABLE_SECRET : ENABLE_SECRET, found, {
      parameters: { set: { isDisabled }, ...expected },
      needs: this.access.needs('changeRecord', found.named),
      gatedAs: gatedAs(found.secret, ['attributes']),
      reason,
    });
  }

  async remove(
    ctx: RequestContext,
    id: string,
    options: { readonly retain: boolean; readonly expectedRevision?: number; readonly reason?: string },
  ): Promise<ChangeEntity> {
    return this.#submit(ctx, await this.proposeRemove(ctx, id, options));
  }

  /** What deleting would do at each vault. */
  async planRemove(
    ctx: RequestContext,
    id: string,
    options: { readonly retain: boolean; readonly expectedRevision?: number },
  ): Promise<ChangePreview> {
    return this.previews.preview(ctx, await this.proposeRemove(ctx, id, options));
  }

  /** Needs `read` of the content at the source and `create` at the target. */
  async addSyncProfile(ctx: RequestContext, id: string, input: SyncProfileToAdd): Promise<ChangeEntity> {
    return this.#submit(ctx, await this.proposeAddSyncProfile(ctx, id, input));
  }

  async proposeAddSyncProfile(
    ctx: RequestContext,
    id: string,
    { expectedRevision, ...input }: SyncProfileToAdd & Expecting,
  ): Promise<Proposal> {
    const found = await this.find(ctx, id, 'changeRecord');
    this.access.authorizeFound(ctx, 'replicateFrom', found.named);
    const target = await this.planner.target(ctx, found.secret, input.profile, input.onConflict);
    const change = {
      subject: subjectOf(found),
      secretId: id,
      parameters: {
        target,
        onConflict: input.onConflict,
        ...(expectedRevision === undefined ? {} : { expectedRevision }),
      },
      needs: [
        ...this.access.needs('changeRecord', found.named),
        ...this.access.needs('replicateFrom', found.named),
        ...this.#targetNeeds({ profile: target.profile, name: found.secret.name }, input.onConflict),
      ],
      // A copy can be read where it is: to make one is to read.
      gatedAs: gatedAs(found.secret, ['sync-profile-add', 'content-read'], {
        [target.profileId]: ['sync-profile-add'],
      }),
      ...(input.reason ? { reason: input.reason } : {}),
      isLocal: false,
    };
    return { kind: ADD_SYNC_PROFILE, change };
  }

  async removeSyncProfile(ctx: RequestContext, id: string, input: SyncProfileToRemove): Promise<ChangeEntity> {
    return this.#submit(ctx, await this.proposeRemoveSyncProfile(ctx, id, input));
  }

  async proposeRemoveSyncProfile(
    ctx: RequestContext,
    id: string,
    { expectedRevision, ...input }: SyncProfileToRemove & Expecting,
  ): Promise<Proposal> {
    const found = await this.find(ctx, id, 'changeRecord');
    const profile = await this.profiles.find(ctx, input.profile);
    const targets = await this.targets.list(ctx, id);
    if (!profile || !targets.some((target) => target.profileId === profile.id)) throw targetNotFound();
    if (input.purge) this.access.authorize(ctx, 'delete', { profile: profile.name, name: found.secret.name });
    const kinds = ['sync-profile-remove'] as const;
    return localProposal(REMOVE_SYNC_PROFILE, found, {
      parameters: {
        profileId: profile.id,
        purge: input.purge,
        ...(expectedRevision === undefined ? {} : { expectedRevision }),
      },
      needs: [
        ...this.access.needs('changeRecord', found.named),
        ...(input.purge ? this.access.needs('delete', { profile: profile.name, name: found.secret.name }) : []),
      ],
      gatedAs: gatedAs(found.secret, kinds, { [profile.id]: kinds }),
      reason: input.reason,
    });
  }

  /** `isKnown` says whether the caller knows the content: then making copies of it is not reading it. */
  async proposeCreate(
    ctx: RequestContext,
    input: NewSecret,
    { isKnown = input.content !== undefined }: { readonly isKnown?: boolean } = {},
  ): Promise<Proposal> {
    this.access.authorize(ctx, 'create', { profile: input.sourceProfile, name: input.name });
    if ((input.content === undefined) === (input.generate === undefined)) throw contentOrGenerate();
    // Whatever the profile's template makes of it: policies and lists have the name as it is.
    assertPathName(input.name, 'The name');
    const content = input.content ?? (await generateContent(input.type, input.generate!));
    const { parameters, isLocal } = await this.planner.prepareCreate(ctx, input, content);
    await this.#assertOwner(ctx, parameters.owner);
    const secretId = newId();
    const change = {
      subject: { kind: 'secret', id: secretId, name: `${input.sourceProfile}/${input.name}` },
      secretId,
      parameters,
      payload: content,
      needs: this.#createNeeds(parameters),
      gatedAs: gatedAs(
        { ...parameters, sourceProfileId: parameters.source.profileId },
        // As when one is added later: a copy can be read where it is.
        parameters.targets.length > 0 && !isKnown ? ['create', 'content-read'] : ['create'],
        Object.fromEntries(parameters.targets.map(({ profileId }) => [profileId, ['sync-profile-add']])),
      ),
      ...(input.reason ? { reason: input.reason } : {}),
      isLocal,
    };
    return { kind: CREATE_SECRET, change };
  }

  /** @throws AppError OWNER_UNKNOWN */
  async #assertOwner(ctx: RequestContext, owner: string | null | undefined): Promise<void> {
    if (owner && !(await this.owners.exists(ctx, owner))) throw ownerUnknown();
  }

  async proposeRemove(
    ctx: RequestContext,
    id: string,
    { reason, ...parameters }: DeleteParameters & { readonly reason?: string },
  ): Promise<Proposal> {
    const act = parameters.retain ? 'forget' : 'delete';
    const found = await this.find(ctx, id, act);
    const { secret } = found;
    const change = {
      subject: subjectOf(found),
      secretId: id,
      parameters,
      needs: this.access.needs(act, found.named),
      gatedAs: gatedAsRemoval(secret, parameters),
      ...(reason ? { reason } : {}),
      isLocal: parameters.retain || !(await this.profiles.isRemote(ctx, secret.sourceProfileId)),
    };
    return { kind: DELETE_SECRET, change };
  }

  #createNeeds({ name, source, targets, onConflict }: CreateParameters): Need[] {
    const at = ({ profile }: PlannedPlace): NamedSecret => ({ profile, name });
    return [
      ...this.access.needs('create', at(source)),
      ...this.access.conflictNeeds(onConflict, at(source)),
      ...targets.map(at).flatMap((target) => this.#targetNeeds(target, onConflict)),
    ];
  }

  #targetNeeds(target: NamedSecret, onConflict: ConflictPolicy): Need[] {
    return [...this.access.needs('replicateTo', target), ...this.access.conflictNeeds(onConflict, target)];
  }

  #submit(ctx: RequestContext, { kind, change }: Proposal): Promise<ChangeEntity> {
    return this.changes.submit(ctx, kind, change);
  }
}

function localProposal(kind: string, found: FoundSecret, { reason, ...change }: LocalChange): Proposal {
  const named = { subject: subjectOf(found), secretId: found.secret.id, ...(reason ? { reason } : {}) };
  return { kind, change: { ...change, ...named, isLocal: true } };
}

type LocalChange = Pick<PreparedChange, 'parameters' | 'needs' | 'gatedAs'> & { readonly reason: string | undefined };

/** How changes and audit entries name a secret. */
export function subjectOf({
  secret,
  named,
}: {
  readonly secret: { readonly id: string };
  readonly named: NamedSecret;
}): { kind: string; id: string; name: string } {
  return { kind: 'secret', id: secret.id, name: `${named.profile}/${named.name}` };
}

/** A word that no principal can have as a name. */
const ME = 'me';

/** Under which names somebody can own something. */
function namesOf({ principal }: Actor): string[] {
  return principal ? [principal.name, ...principal.groups.map(({ name }) => name)] : [];
}
