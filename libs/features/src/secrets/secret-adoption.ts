import { Injectable } from '@nestjs/common';
import type { RequestContext } from '@claviger/kernel';
import type { Proposal } from '@claviger/features/changes';
import { VaultProfileService } from '@claviger/features/vault-profiles';
import { parseContent } from '@claviger/vaults/contract';
import type { NewSecret } from './new-secret.js';
import { SecretAccess } from './secret-access.js';
import { SecretFingerprints } from './secret-fingerprints.js';
import { physicalNameAt } from './secret-fit.policy.js';
import { foundContentChanged, nothingFound, vaultProfileDisabled, vaultProfileUnknown } from './secret.errors.js';
import { SecretService } from './secret.service.js';
import { findCurrent, SourceVault } from './source-vault.js';
import { UNCONFIRMED } from './vault-survey.js';

/** A secret that is to be made of what lies at its source. */
export type NewAdoption = Omit<NewSecret, 'content' | 'generate' | 'onConflict'>;

/** Makes secrets of what lies in a vault already and belongs to none. */
@Injectable()
export class SecretAdoption {
  constructor(
    private readonly records: SecretService,
    private readonly profiles: VaultProfileService,
    private readonly access: SecretAccess,
    private readonly vault: SourceVault,
    private readonly fingerprints: SecretFingerprints,
  ) {}

  /**
   * The creation of a secret whose first version is what is there now. With `seen` only if that is what was seen.
   * @throws AppError ACCESS_DENIED, NOTHING_FOUND, FOUND_CONTENT_CHANGED, and as creating; VaultError
   */
  async propose(
    ctx: RequestContext,
    input: NewAdoption,
    seen?: string,
  ): Promise<{ readonly proposal: Proposal; readonly seen: string }> {
    const named = { profile: input.sourceProfile, name: input.name };
    this.access.authorize(ctx, 'create', named);
    this.access.authorize(ctx, 'adopt', named);
    const profile = await this.profiles.find(ctx, input.sourceProfile);
    if (profile?.name !== input.sourceProfile) throw vaultProfileUnknown(input.sourceProfile);
    if (!profile.isEnabled) throw vaultProfileDisabled(profile.name);
    const physicalName = physicalNameAt(profile, input);
    const source = await this.vault.open(ctx, { id: NOBODY, sourceProfileId: profile.id, physicalName });
    const found = await findCurrent(source);
    if (!found) throw nothingFound(profile.name, input.name);
    const parsed = parseContent(found.content.reveal());
    const now = this.fingerprints.ofParsed(ctx.storeId, UNCONFIRMED, parsed, seen);
    if (seen !== undefined && now !== seen) throw foundContentChanged(profile.name, input.name);
    const create = { ...input, content: found.content, onConflict: 'adopt-if-equal' } as const;
    return { proposal: await this.records.proposeCreate(ctx, create, { isKnown: false }), seen: now };
  }
}

/** A secret that there is none of yet: nothing is marked or claimed by reading. */
const NOBODY = '00000000-0000-0000-0000-000000000000';
