import { Injectable } from '@nestjs/common';
import { isAppError, type AppError, type RequestContext } from '@claviger/kernel';
import { BackendPlaces, VaultProfileService, type VaultProfile } from '@claviger/features/vault-profiles';
import {
  isVaultError,
  joinPhysicalName,
  parseContent,
  readObjects,
  type ListQuery,
  type ReadAnswer,
} from '@claviger/vaults/contract';
import { possibleTypes, type SecretType } from './content/index.js';
import { nameOfObject } from './object-name.policy.js';
import { SecretAccess } from './secret-access.js';
import { SecretFingerprints } from './secret-fingerprints.js';
import { vaultProfileDisabled, vaultProfileUnknown } from './secret.errors.js';
import { SourceVault } from './source-vault.js';

/** A secret that there is none of: nothing is marked or claimed by looking. */
const NOBODY = '00000000-0000-0000-0000-000000000000';
/** As what content is fingerprinted whose type nobody has confirmed yet. */
export const UNCONFIRMED: SecretType = 'key-value';

/** Something that lies at a vault and belongs to no secret. Nothing of its content but the keyed fingerprint. */
export type FoundObject = {
  readonly physicalName: string;
  /** What its secret would be called; undefined when it cannot be one, which `problem` explains. */
  readonly name?: string;
  /** What it can be, the likeliest first; empty when it cannot be a secret. */
  readonly types: readonly SecretType[];
  readonly isCertain: boolean;
  readonly fingerprint?: string;
  readonly problem?: { readonly code: string; readonly message: string };
};

export type SurveyPage = {
  readonly found: readonly FoundObject[];
  /** Objects that belong to a secret already, and those that the caller may not adopt. */
  readonly known: number;
  readonly hidden: number;
  /** Where the next page begins; undefined on the last one. */
  readonly cursor: string | undefined;
};

/** Looks at what lies in the vault of a profile and belongs to no secret. Writes nothing. */
@Injectable()
export class VaultSurvey {
  constructor(
    private readonly profiles: VaultProfileService,
    private readonly vault: SourceVault,
    private readonly places: BackendPlaces,
    private readonly access: SecretAccess,
    private readonly fingerprints: SecretFingerprints,
  ) {}

  /** The profile, for a caller who may list its secrets. @throws AppError ACCESS_DENIED, VAULT_PROFILE_UNKNOWN, … */
  async open(ctx: RequestContext, name: string): Promise<VaultProfile> {
    this.access.authorizeList(ctx, name);
    const profile = await this.profiles.find(ctx, name);
    if (profile?.name !== name) throw vaultProfileUnknown(name);
    if (!profile.isEnabled) throw vaultProfileDisabled(name);
    return profile;
  }

  /**
   * A page of what is there, below a folder of the profile's prefix (`''` for all of it), for a caller who may adopt it.
   * @throws AppError as {@link open}; VaultError
   */
  async page(
    ctx: RequestContext,
    at: { readonly profile: string; readonly folder: string; readonly limit: number; readonly cursor?: string },
  ): Promise<SurveyPage> {
    const profile = await this.open(ctx, at.profile);
    const source = await this.vault.open(ctx, { id: NOBODY, sourceProfileId: profile.id, physicalName: '' });
    const prefix = at.folder === '' ? profile.prefix : joinPhysicalName(profile.prefix, at.folder);
    const query: ListQuery = {
      prefix,
      recursive: true,
      order: 'any',
      limit: at.limit,
      ...(at.cursor === undefined ? {} : { cursor: at.cursor }),
    };
    const { names, cursor } = await source.adapter.list(source.call, query);
    const all = names.map((name) => (prefix === '' ? name : `${prefix}/${name}`));
    const taken = await this.places.findTaken(ctx, source.serverIdentity, all.map(source.canonicalPlace));
    const free = all.filter((name) => !taken.has(source.canonicalPlace(name)));
    const found: FoundObject[] = [];
    for await (const answer of readObjects(source, source.call, free)) {
      // Removed since it was listed, which can be minutes ago where lists lag behind.
      if (isVaultError(answer.error, 'NOT_FOUND')) continue;
      found.push(await this.#judge(ctx, profile, answer));
    }
    const shown = found.filter((object) => this.#maySee(ctx, profile, object));
    return { found: shown, known: all.length - free.length, hidden: found.length - shown.length, cursor };
  }

  /** A vault that does not answer is the end of the survey; an object that cannot be read is one of its findings. */
  async #judge(
    ctx: RequestContext,
    profile: VaultProfile,
    { name: physicalName, error: unreadable, found }: ReadAnswer,
  ): Promise<FoundObject> {
    const nothing = { physicalName, types: [], isCertain: false } as const;
    if (unreadable) return { ...nothing, problem: told(unreadable) };
    const { content } = found;
    try {
      const { types, isCertain } = await possibleTypes(parseContent(content.reveal()));
      const named = types.map((type) => ({ type, name: nameOfObject(profile, physicalName, type) }));
      const fitting = named.filter(({ name }) => name !== undefined);
      const name = fitting[0]?.name;
      if (name === undefined) return { ...nothing, problem: types.length > 0 ? UNNAMED : UNTYPED };
      return {
        physicalName,
        name,
        types: fitting.map(({ type }) => type),
        isCertain: isCertain || fitting.length === 1,
        fingerprint: this.fingerprints.of(ctx.storeId, UNCONFIRMED, content),
      };
    } catch (error) {
      if (!isAppError(error) || error.kind === 'internal') throw error;
      return { ...nothing, problem: told(error) };
    }
  }

  /** What has no name can be adopted by nobody; it is told to who may adopt anything of the profile by that name. */
  #maySee(ctx: RequestContext, profile: VaultProfile, { name, physicalName }: FoundObject): boolean {
    return this.access.can(ctx, 'adopt', { profile: profile.name, name: name ?? physicalName });
  }
}

const UNNAMED = {
  code: 'OBJECT_UNNAMED',
  message: "No secret's name leads to this object by the name template of the profile.",
};
const UNTYPED = { code: 'OBJECT_UNTYPED', message: 'It is content of no type.' };

function told({ code, message }: AppError): FoundObject['problem'] {
  return { code, message };
}
