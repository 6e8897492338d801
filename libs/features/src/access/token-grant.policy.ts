import { inputInvalid, tokenNotRenewable, tokenRefused } from './access.errors.js';
import { ROOT_POLICY } from './policy/index.js';
import { isPolicyName } from './policy-name.js';

/** Vault's default and longest life of a token, renewals included: 768 hours. */
export const MAX_TTL_SECONDS = 2_764_800;
/** Longest chain from a root token to its last descendant. */
export const MAX_TOKEN_DEPTH = 32;
const MAX_POLICIES = 64;
const MAX_USES = 1_000_000_000;
const DISPLAY_NAME = /^[^\p{C}]{1,128}$/u;

/** What somebody asks of a new token. */
export type NewToken = {
  /** Names of its policies; those of the caller unless given. Names without a policy grant nothing. */
  readonly policies?: readonly string[];
  readonly displayName?: string;
  /** How long it lives, and is renewed for. */
  readonly ttlSeconds?: number;
  /** No renewal goes beyond so many seconds from now. */
  readonly maxTtlSeconds?: number;
  readonly isRenewable?: boolean;
  /** How many requests it is good for; unlimited unless given. */
  readonly uses?: number;
  /** True for a token that does not end with the caller's own; needs sudo. */
  readonly isOrphan?: boolean;
};

/** The token that a new one is asked for with. */
export type GrantingToken = {
  readonly id: string;
  readonly principalId: string | null;
  readonly loginIssuerId: string | null;
  /** Id of the user who stands behind it, where it belongs to none. */
  readonly sponsorId: string | null;
  readonly ancestors: readonly string[];
  readonly displayName: string;
  readonly policies: readonly string[];
  readonly maxUses: number | null;
  /** Whether it has `sudo` where tokens are made. */
  readonly hasSudo: boolean;
};

/** What the new token gets. */
export type TokenGrant = {
  readonly parentId: string | null;
  readonly principalId: string | null;
  readonly loginIssuerId: string | null;
  readonly sponsorId: string | null;
  readonly ancestors: string[];
  readonly displayName: string;
  readonly policies: string[];
  readonly ttlSeconds: number | null;
  readonly maxTtlSeconds: number | null;
  readonly isRenewable: boolean;
  readonly maxUses: number | null;
};

/** A root token as an installation begins with: without an end, and nobody's child. */
export const FIRST_ROOT_TOKEN: TokenGrant = {
  parentId: null,
  principalId: null,
  loginIssuerId: null,
  sponsorId: null,
  ancestors: [],
  displayName: 'root',
  policies: [ROOT_POLICY],
  ttlSeconds: null,
  maxTtlSeconds: null,
  isRenewable: false,
  maxUses: null,
};

/**
 * What a new token gets, after Vault's rules for `auth/token/create`: its policies are among those of its parent unless
 * that has sudo; only root makes root; a token with a use limit makes none; times above the maximum are cut to it; only
 * a root token without a TTL never ends.
 * @throws AppError INPUT_INVALID, TOKEN_POLICIES_EXCEED_PARENT, TOKEN_SUDO_REQUIRED, TOKEN_LIMITED, TOKEN_TOO_DEEP
 */
export function grantToken(wanted: NewToken, parent: GrantingToken): TokenGrant {
  checkForm(wanted);
  if (parent.maxUses !== null) {
    throw tokenRefused('TOKEN_LIMITED', 'A token with a use limit cannot make tokens. Use one without.');
  }
  const isOrphan = wanted.isOrphan === true;
  if (isOrphan && !parent.hasSudo) {
    throw tokenRefused('TOKEN_SUDO_REQUIRED', 'An orphan token needs sudo on claviger/tokens/. Leave isOrphan out.');
  }
  if (!isOrphan && parent.ancestors.length + 1 >= MAX_TOKEN_DEPTH) {
    throw tokenRefused('TOKEN_TOO_DEEP', `At most ${MAX_TOKEN_DEPTH} tokens descend from each other.`);
  }
  const policies = grantPolicies(wanted, parent);
  const neverEnds = policies.includes(ROOT_POLICY) && wanted.ttlSeconds === undefined;
  const maxTtlSeconds = wanted.maxTtlSeconds === undefined ? null : Math.min(wanted.maxTtlSeconds, MAX_TTL_SECONDS);
  return {
    parentId: isOrphan ? null : parent.id,
    principalId: isOrphan ? null : parent.principalId,
    loginIssuerId: isOrphan ? null : parent.loginIssuerId,
    // An orphan is nobody's, but somebody made it.
    sponsorId: parent.sponsorId ?? (isOrphan ? parent.principalId : null),
    ancestors: isOrphan ? [] : [...parent.ancestors, parent.id],
    displayName: wanted.displayName ?? parent.displayName,
    policies,
    ttlSeconds: neverEnds ? null : Math.min(wanted.ttlSeconds ?? MAX_TTL_SECONDS, maxTtlSeconds ?? MAX_TTL_SECONDS),
    maxTtlSeconds: neverEnds ? null : maxTtlSeconds,
    isRenewable: !neverEnds && (wanted.isRenewable ?? true),
    maxUses: wanted.uses ?? null,
  };
}

function grantPolicies(wanted: NewToken, parent: GrantingToken): string[] {
  const policies = [...new Set(wanted.policies ?? parent.policies)].sort();
  if (policies.includes(ROOT_POLICY)) {
    if (policies.length > 1) throw inputInvalid('policies', 'the policy root stands alone');
    // Sudo is not enough: who may do everything by policies must not make a token that no policy can narrow.
    if (!parent.policies.includes(ROOT_POLICY)) throw exceedsParent();
    return policies;
  }
  const isCovered = parent.hasSudo || policies.every((name) => parent.policies.includes(name));
  if (!isCovered) throw exceedsParent();
  return policies;
}

const exceedsParent = (): Error =>
  tokenRefused(
    'TOKEN_POLICIES_EXCEED_PARENT',
    'A token can only have policies that your own token has. Leave the others out, or use a token with sudo.',
  );

function checkForm({ policies, displayName, ttlSeconds, maxTtlSeconds, uses }: NewToken): void {
  if (policies && (policies.length > MAX_POLICIES || policies.some((name) => !isPolicyName(name)))) {
    throw inputInvalid('policies', `at most ${MAX_POLICIES} names of policies are allowed`);
  }
  if (displayName !== undefined && !DISPLAY_NAME.test(displayName)) {
    throw inputInvalid('displayName', '1 to 128 printable characters are allowed');
  }
  checkCount('ttlSeconds', ttlSeconds, Number.MAX_SAFE_INTEGER);
  checkCount('maxTtlSeconds', maxTtlSeconds, Number.MAX_SAFE_INTEGER);
  checkCount('uses', uses, MAX_USES);
}

function checkCount(field: string, value: number | undefined, max: number): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 1 && value <= max)) return;
  throw inputInvalid(field, `a whole number from 1 to ${max} is allowed`);
}

/** What a renewal goes by. */
export type RenewableToken = {
  readonly createdAt: Date;
  readonly ttlSeconds: number | null;
  readonly maxTtlSeconds: number | null;
  readonly isRenewable: boolean;
};

/**
 * When a token ends if it is renewed now: after the increment (its own TTL unless given), but never beyond its maximum
 * counted from when it was made.
 * @throws AppError TOKEN_NOT_RENEWABLE, INPUT_INVALID
 */
export function renewedExpiry(token: RenewableToken, now: Date, incrementSeconds?: number): Date {
  if (token.ttlSeconds === null) throw tokenNotRenewable('it never ends');
  if (!token.isRenewable) throw tokenNotRenewable('it was made so');
  checkCount('ttlSeconds', incrementSeconds, Number.MAX_SAFE_INTEGER);
  const lastMs = token.createdAt.getTime() + (token.maxTtlSeconds ?? MAX_TTL_SECONDS) * 1000;
  return new Date(Math.min(now.getTime() + (incrementSeconds ?? token.ttlSeconds) * 1000, lastMs));
}
