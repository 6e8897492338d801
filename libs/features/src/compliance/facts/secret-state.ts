import type { ContentFacts, SecretType } from '@claviger/features/secrets';

/** Where a secret is kept. */
export type PlaceState = {
  /** Name of the vault profile. */
  readonly profile: string;
  /** Kind of the vault. */
  readonly kind: string;
  /** Where a vault has such a thing. */
  readonly region: string | null;
};

/** A copy of a secret. */
export type CopyState = PlaceState & { readonly status: string };

/**
 * Everything that is known of a secret at a moment and that its facts follow from: plain JSON, without any value and without
 * the time. Times are ISO 8601 in UTC. It is kept whenever it changes, so that rules can be asked about the past.
 */
export type SecretState = {
  readonly name: string;
  readonly type: SecretType;
  readonly owner: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly isDisabled: boolean;
  readonly version: number;
  readonly createdAt: string;
  readonly versionCreatedAt: string;
  readonly expiresAt: string | null;
  readonly rotationIntervalSeconds: number | null;
  readonly rotationDueAt: string | null;
  readonly content: Partial<ContentFacts>;
  readonly source: PlaceState;
  /** In the order of their profiles' names. */
  readonly copies: readonly CopyState[];
  /** Somebody else than Claviger changed it at its source or at a copy. */
  readonly hasDrift: boolean;
  /** How many other secrets hold the same value. */
  readonly reusedBy: number;
  /** The vault profile has an approval profile. */
  readonly isGated: boolean;
  /** How many people approved the change that made the current version. */
  readonly approvers: number;
  /** A glass was broken for a change of it that nobody has looked at since. */
  readonly hasUnreviewedBreakGlass: boolean;
};

/** A state with what is known of now only. */
export type PresentState = SecretState & {
  /** When the copy that was verified the longest time ago was; null without copies, and when one never was. */
  readonly verifiedAt: string | null;
};
