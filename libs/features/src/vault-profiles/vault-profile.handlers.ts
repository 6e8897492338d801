import { Injectable } from '@nestjs/common';
import type { ChangeHandler, ChangeReview, ChangeSubjectKeeper, ExecutingChange } from '@claviger/features/changes';
import type { RequestContext } from '@claviger/kernel';
import { REMOVE_VAULT_PROFILE, UPDATE_VAULT_PROFILE, type VaultProfileParameters } from './vault-profile-change.js';
import { VaultProfileService } from './vault-profile.service.js';

/** Changes and removes vault profiles that have an approval profile. */
@Injectable()
export class VaultProfileHandlers {
  readonly all: readonly ChangeHandler<VaultProfileParameters>[];

  constructor(profiles: VaultProfileService) {
    this.all = [
      {
        kind: UPDATE_VAULT_PROFILE,
        complete: async (tx, { subject, parameters: { set, fields, revision } }) => {
          const profile = await profiles.applyUpdate(tx, { id: subject.id, revision }, set!, fields!);
          return { name: profile.name, revision: profile.revision };
        },
      },
      {
        kind: REMOVE_VAULT_PROFILE,
        complete: async (tx, { subject, parameters: { revision } }) => {
          await profiles.applyRemove(tx, { id: subject.id, revision });
          return { name: subject.name };
        },
      },
    ];
  }
}

/** What approvals of changes of vault profiles are about: the profile's revision, which the gate binds anyway. */
@Injectable()
export class VaultProfileKeeper implements ChangeSubjectKeeper {
  readonly kind = 'vault-profile';

  constructor(private readonly profiles: VaultProfileService) {}

  async bind(tx: RequestContext, _kind: string, { subject, parameters }: ExecutingChange): Promise<unknown> {
    const { revision } = await this.profiles.getNow(tx, subject.id);
    return { revision, asked: (parameters as VaultProfileParameters).revision };
  }

  async review(ctx: RequestContext, _kind: string, { subject, parameters }: ExecutingChange): Promise<ChangeReview> {
    const before = await this.profiles.get(ctx, subject.id);
    const { set = {} } = parameters as VaultProfileParameters;
    const changed = Object.entries(set).filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name as keyof typeof before]),
    );
    const settings = changed.map(([name, after]) => ({ name, before: before[name as keyof typeof before], after }));
    return { type: null, settings, values: [], plan: [] };
  }
}
