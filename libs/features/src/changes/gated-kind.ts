/** What an approval profile may ask approval for. */
export const GATED_KINDS = [
  'create',
  'content',
  'attributes',
  'delete',
  'version-delete',
  'version-undelete',
  'version-destroy',
  'restore',
  'source-change',
  'sync-profile-add',
  'sync-profile-remove',
  'content-read',
  'waiver',
] as const;
export type GatedKind = (typeof GATED_KINDS)[number];

/** What the conditions of approval profiles speak of. */
export type GatedFacts = {
  readonly name?: string;
  readonly type?: string;
  readonly owner?: string | null;
  readonly labels?: Readonly<Record<string, string>>;
};

/** As what a change is judged by the gate. */
export type GatedAs = {
  /** Where it happens: the ids of vault profiles whose approval profiles have a say, and as which kinds of change there. */
  readonly at: readonly { readonly vaultProfile: string; readonly kinds: readonly GatedKind[] }[];
  /** What it is about, as it is and as it would be: a condition that holds for one of them holds. */
  readonly facts: readonly GatedFacts[];
  /** Names of approval profiles that have a say whatever they gate, because the change is about them. */
  readonly approvalProfiles?: readonly string[];
  /** It could take what it is about out of the reach of its approval profiles, so that it waits whatever they gate. */
  readonly mayEscape?: boolean;
};

/** What is never asked approval for. */
export const UNGATED: GatedAs = { at: [], facts: [] };
