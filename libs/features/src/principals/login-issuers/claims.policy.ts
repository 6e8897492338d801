/** What a claim is compared with. */
export type ClaimValue = string | number | boolean;

/** A claim that must have one of these values; where it is a list, one of its elements must. */
export type BoundClaim = { readonly claim: string; readonly values: readonly ClaimValue[] };

/** The claims of a token whose signature is right and whose `iss`, `aud`, `exp` and `nbf` are as they must be. */
export type Claims = Readonly<Record<string, unknown>>;

/** Which claims say what, and which must hold. */
export type ClaimRules = {
  readonly boundClaims: readonly BoundClaim[];
  readonly subjectClaim: string;
  readonly nameClaim: string;
  readonly displayNameClaim: string | null;
  readonly groupsClaim: string | null;
  readonly leewaySeconds: number;
  readonly maxLifetimeSeconds: number;
};

/** Whom a token speaks of. */
export type Subject = {
  readonly subject: string;
  /** As a principal would be named; it need not be a possible name. */
  readonly name: string | undefined;
  readonly displayName: string | undefined;
  readonly groupValues: ReadonlySet<string>;
};

/** Why a token that its issuer signed logs nobody in; for operators, without anything that stands in the token. */
export type ClaimRefusal = 'lifetime' | 'bound-to-a-key' | 'no-subject' | 'bound-claims';

export type ClaimVerdict = { readonly subject: Subject } | { readonly refusal: ClaimRefusal };

const SUBJECT = /^[^\p{C}]{1,256}$/u;

/** True for a text that can be a subject: 1 to 256 printable characters. OpenID Connect Core has 255 of ASCII. */
export function isSubject(value: unknown): value is string {
  return typeof value === 'string' && SUBJECT.test(value);
}

/**
 * The value of a claim, undefined where there is none. A path that begins with a slash is a JSON pointer (RFC 6901) into
 * nested claims; any other is the name of a claim.
 */
export function readClaim(claims: Claims, path: string): unknown {
  const keys = path.startsWith('/') ? path.slice(1).split('/').map(unescapePointer) : [path];
  let value: unknown = claims;
  for (const key of keys) {
    // Nothing that every object has, and no index into a list: its order means nothing.
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
      return undefined;
    value = (value as Claims)[key];
  }
  return value;
}

/** Decides whom a token logs in, by its claims alone. */
export function judgeClaims(rules: ClaimRules, claims: Claims, now: Date): ClaimVerdict {
  if (!hasLifetime(rules, claims, now.getTime() / 1_000)) return { refusal: 'lifetime' };
  // Whoever shows such a token must prove to have its key (RFC 7800, DPoP), which is not asked for here.
  if (Object.hasOwn(claims, 'cnf')) return { refusal: 'bound-to-a-key' };
  const subject = readClaim(claims, rules.subjectClaim);
  if (!isSubject(subject)) return { refusal: 'no-subject' };
  if (!rules.boundClaims.every((bound) => holds(bound, claims))) return { refusal: 'bound-claims' };
  const { displayNameClaim, groupsClaim } = rules;
  const name = textOf(readClaim(claims, rules.nameClaim));
  return {
    subject: {
      subject,
      // ASCII only: other letters have lower cases that are ASCII (the Kelvin sign).
      name: name?.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase()),
      displayName: displayNameClaim === null ? undefined : textOf(readClaim(claims, displayNameClaim)),
      groupValues: new Set(groupsClaim === null ? [] : listOf(readClaim(claims, groupsClaim)).filter(isText)),
    },
  };
}

/** The ids of the groups that a token puts its subject into. */
export function mappedGroups(
  mapping: readonly { readonly claimValue: string; readonly groupId: string }[],
  values: ReadonlySet<string>,
): ReadonlySet<string> {
  return new Set(mapping.filter(({ claimValue }) => values.has(claimValue)).map(({ groupId }) => groupId));
}

/** Both times are there, it was issued already, and it is not good for longer than is allowed. */
function hasLifetime({ leewaySeconds, maxLifetimeSeconds }: ClaimRules, { iat, exp }: Claims, now: number): boolean {
  if (!Number.isFinite(iat) || !Number.isFinite(exp)) return false;
  const [issued, ends] = [iat as number, exp as number];
  return issued <= now + leewaySeconds && ends > now - leewaySeconds && ends - issued <= maxLifetimeSeconds;
}

function holds({ claim, values }: BoundClaim, claims: Claims): boolean {
  return listOf(readClaim(claims, claim)).some((value) => values.some((allowed) => allowed === value));
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);
const isText = (value: unknown): value is string => typeof value === 'string';
const textOf = (value: unknown): string | undefined => (isText(value) ? value : undefined);

function unescapePointer(segment: string): string {
  return segment.replaceAll('~1', '/').replaceAll('~0', '~');
}
