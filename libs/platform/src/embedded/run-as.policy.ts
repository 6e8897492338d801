/** A user of the operating system. */
export type SystemUser = { readonly name: string; readonly uid: number; readonly gid: number };

/**
 * As whom the PostgreSQL programs run. `self`: as this process. `user`: as another user of the system. `namespace`: as
 * this process outside and as an ordinary user inside a user namespace, which satisfies PostgreSQL's refusal of root
 * while the files stay ours.
 */
export type RunAs =
  | { readonly kind: 'self' }
  | { readonly kind: 'user'; readonly user: SystemUser }
  | { readonly kind: 'namespace'; readonly inner: SystemUser };

/** What the decision needs to know of this machine; functions are asked only when the answer matters. */
export type RunAsFacts = {
  readonly uid: number;
  /** False for a user id without an entry in the user database, which initdb refuses. */
  readonly isNamed: boolean;
  /** Owner of the existing cluster, else undefined. */
  readonly clusterOwner: SystemUser | undefined;
  /** Ordinary users of the system that may run PostgreSQL for root, the preferred one first. */
  readonly candidates: readonly SystemUser[];
  /** A named, ordinary user to appear as inside a namespace. */
  readonly innerUser: SystemUser;
  readonly canMakeNamespace: () => boolean;
  readonly canReach: (user: SystemUser) => boolean;
};

/**
 * Decides as whom PostgreSQL runs, or returns undefined when there is no way (root without user namespaces, and no
 * ordinary user can reach the data directory). PostgreSQL runs only as the owner of its files, so an existing
 * cluster's owner goes first.
 */
export function decideRunAs(facts: RunAsFacts): RunAs | undefined {
  const { clusterOwner, innerUser } = facts;
  if (facts.uid !== 0) {
    return !facts.isNamed && facts.canMakeNamespace() ? { kind: 'namespace', inner: innerUser } : { kind: 'self' };
  }
  if (clusterOwner && clusterOwner.uid !== 0) return { kind: 'user', user: clusterOwner };
  if (facts.canMakeNamespace()) return { kind: 'namespace', inner: innerUser };
  const user = facts.candidates.find((candidate) => facts.canReach(candidate));
  return user && { kind: 'user', user };
}
