import type { ProfileLimits, Repair } from './vault-profile.schema.js';

/** A named way to use a vault instance. */
export type VaultProfile = {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly instanceId: string;
  readonly instanceName: string;
  readonly mount: string;
  /** Folder that all names are put into; `''` for none. */
  readonly prefix: string;
  readonly flavour: string;
  readonly nameTemplate: string;
  readonly defaultOwner: string | null;
  readonly defaultLabels: Readonly<Record<string, string>>;
  readonly limits: ProfileLimits;
  readonly repair: Repair;
  /** Name of the approval profile that gates what it holds, and itself. */
  readonly approvalProfile: string | null;
  readonly isEnabled: boolean;
  /** Counts changes; the ETag. */
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};
