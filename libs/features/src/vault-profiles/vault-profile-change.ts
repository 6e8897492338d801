import type { VaultProfile } from './vault-profile.js';

/** What a change sets, as columns. */
export type ChangedColumns = Partial<
  Omit<VaultProfile, 'id' | 'name' | 'instanceName' | 'revision' | 'createdAt' | 'updatedAt'>
> & {
  readonly instanceId: string;
};

/** A change of a vault profile that has an approval profile. */
export type VaultProfileParameters = {
  /** Absent when it is to be removed. */
  readonly set?: ChangedColumns;
  /** Names of what is given, for the audit log. */
  readonly fields?: string;
  /** The profile's, when the change was judged. */
  readonly revision: number;
};

export const UPDATE_VAULT_PROFILE = 'vault-profile.update';
export const REMOVE_VAULT_PROFILE = 'vault-profile.remove';
