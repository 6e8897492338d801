/** Of which secrets a compliance profile judges: those of these vault profiles, and those with all labels of one selector. */
export type Assignment = {
  /** Ids. */
  readonly vaultProfiles: readonly string[];
  /** One without labels selects every secret. */
  readonly labelSelectors: readonly Readonly<Record<string, string>>[];
};

export type Assignable = {
  readonly vaultProfile: string;
  readonly labels: Readonly<Record<string, string>>;
};

/** Whether a profile judges a secret. */
export function isAssigned(
  { vaultProfiles, labelSelectors }: Assignment,
  { vaultProfile, labels }: Assignable,
): boolean {
  if (vaultProfiles.includes(vaultProfile)) return true;
  return labelSelectors.some((selector) =>
    Object.entries(selector).every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value),
  );
}

/** Whether a profile could judge a secret there, whatever its labels. */
export function couldBeAssigned({ vaultProfiles, labelSelectors }: Assignment, vaultProfile: string): boolean {
  return labelSelectors.length > 0 || vaultProfiles.includes(vaultProfile);
}
