import type { InstanceLimits } from './vault-instance.schema.js';

/** A registered connection to one outside vault. Its credentials never leave the room. */
export type VaultInstance = {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly description: string;
  /** As it was given, without the defaults of the kind. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly limits: InstanceLimits;
  /** Names the server behind the address; null until it was reached. */
  readonly serverIdentity: string | null;
  /** Counts changes; the ETag. */
  readonly revision: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
};
