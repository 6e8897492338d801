import type { SecretValue } from '@claviger/kernel';
import type { ConflictPolicy } from '@claviger/features/replication';
import type { GenerateOptions, SecretType } from './content/index.js';

/** What a caller asks for who creates a secret. */
export type NewSecret = {
  readonly name: string;
  readonly type: SecretType;
  /** Exactly one of content and generate. */
  readonly content?: SecretValue<string>;
  readonly generate?: GenerateOptions;
  readonly sourceProfile: string;
  readonly syncProfiles: readonly string[];
  readonly onConflict: ConflictPolicy;
  readonly description?: string;
  readonly owner?: string;
  readonly labels?: Record<string, string>;
  readonly expiresAt?: string;
  readonly rotationIntervalSeconds?: number;
  readonly reason?: string;
};
