import { X509Certificate } from 'node:crypto';
import type { PrincipalKind } from '@claviger/kernel';
import { MAX_TTL_SECONDS } from '@claviger/features/access';
import { inputInvalid } from '../principals.errors.js';
import type { BoundClaim, ClaimRules, ClaimValue } from './claims.policy.js';

/** What issuers may sign with: keys that can be published. Nothing symmetric, and never `none`. */
export const ALGORITHMS = [
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const),
] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** How long lists and texts may be; what the API is described with. */
export const ISSUER_LIMITS = {
  issuer: 512,
  url: 2_048,
  certificates: 64 * 1_024,
  claim: 256,
  audiences: 16,
  boundClaims: 32,
  values: 64,
  value: 256,
  mappings: 256,
  leewaySeconds: 300,
  lifetimeSeconds: 7 * 86_400,
} as const;

/** What is said of an issuer, but for its groups. */
export type IssuerSettings = ClaimRules & {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly algorithms: readonly Algorithm[];
  readonly jwksUrl: string | null;
  readonly caCertificate: string | null;
  readonly kind: PrincipalKind;
  readonly provisions: boolean;
  readonly tokenTtlSeconds: number | null;
  readonly isDisabled: boolean;
};

/** What holds unless something else is said. Nearly all issuers sign with one of these two. */
export const ISSUER_DEFAULTS = {
  algorithms: ['RS256', 'ES256'],
  jwksUrl: null,
  caCertificate: null,
  boundClaims: [],
  subjectClaim: 'sub',
  displayNameClaim: null,
  groupsClaim: null,
  kind: 'user',
  provisions: false,
  tokenTtlSeconds: null,
  leewaySeconds: 30,
  maxLifetimeSeconds: 86_400,
  isDisabled: false,
} as const satisfies Partial<IssuerSettings>;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
const { issuer: MAX_ISSUER, claim: MAX_CLAIM, value: MAX_VALUE } = ISSUER_LIMITS;

/** @throws AppError INPUT_INVALID for what an issuer cannot be; it quotes nothing */
export function checkIssuer(settings: IssuerSettings): void {
  checkText('issuer', settings.issuer, MAX_ISSUER);
  if (settings.jwksUrl === null) checkUrl('issuer', settings.issuer, /[?#]/, 'or say where its keys are in jwksUrl');
  else checkUrl('jwksUrl', settings.jwksUrl, /#/, 'without a fragment');
  checkList('audiences', settings.audiences, ISSUER_LIMITS.audiences, 1);
  for (const audience of settings.audiences) checkText('audiences', audience, MAX_ISSUER);
  checkList('algorithms', settings.algorithms, ALGORITHMS.length, 1);
  if (settings.algorithms.some((one) => !ALGORITHMS.includes(one)))
    throw inputInvalid('algorithms', `only ${ALGORITHMS.join(', ')} are allowed`);
  checkList('boundClaims', settings.boundClaims, ISSUER_LIMITS.boundClaims, 0);
  for (const bound of settings.boundClaims) checkBoundClaim(bound);
  for (const field of ['subjectClaim', 'nameClaim', 'displayNameClaim', 'groupsClaim'] as const)
    if (settings[field] !== null) checkClaim(field, settings[field]);
  checkWhole('leewaySeconds', settings.leewaySeconds, 0, ISSUER_LIMITS.leewaySeconds);
  checkWhole('maxLifetimeSeconds', settings.maxLifetimeSeconds, 60, ISSUER_LIMITS.lifetimeSeconds);
  if (settings.tokenTtlSeconds !== null) checkWhole('tokenTtlSeconds', settings.tokenTtlSeconds, 1, MAX_TTL_SECONDS);
}

/** The certificates of a PEM text and nothing else that stands in it. @throws AppError INPUT_INVALID */
export function checkedCertificates(text: string): string {
  const blocks = text.length > ISSUER_LIMITS.certificates ? [] : (text.match(CERTIFICATE) ?? []);
  if (blocks.length > 0 && blocks.every(isCertificate) && !text.includes('PRIVATE KEY')) return blocks.join('\n');
  throw inputInvalid('caCertificate', 'one or more certificates in PEM are allowed, and no key');
}

/** @throws AppError INPUT_INVALID */
export function checkMapping(mapping: readonly { readonly value: string }[], groupsClaim: string | null): void {
  checkList('groupMappings', mapping, ISSUER_LIMITS.mappings, 0);
  for (const { value } of mapping) checkText('groupMappings', value, MAX_VALUE);
  if (mapping.length > 0 && groupsClaim === null)
    throw inputInvalid('groupsClaim', 'say which claim the values of groupMappings stand in');
}

function checkBoundClaim({ claim, values }: BoundClaim): void {
  checkClaim('boundClaims', claim);
  checkList('boundClaims', values, ISSUER_LIMITS.values, 1);
  if (!values.every(isClaimValue))
    throw inputInvalid(
      'boundClaims',
      `texts of 1 to ${MAX_VALUE} characters, whole numbers, true and false are allowed`,
    );
}

function isClaimValue(value: ClaimValue): boolean {
  if (typeof value === 'string') return value.length > 0 && value.length <= MAX_VALUE;
  return typeof value === 'boolean' || Number.isSafeInteger(value);
}

function checkClaim(field: string, claim: string): void {
  if (/^[^\p{C}]{1,256}$/u.test(claim) && !/~(?![01])/.test(claim.startsWith('/') ? claim : '')) return;
  throw inputInvalid(
    field,
    `the name of a claim, or a JSON pointer to one, of at most ${MAX_CLAIM} characters is allowed`,
  );
}

function checkText(field: string, text: string, longest: number): void {
  if (text.length > longest || !/^[^\p{C}\s](?:[^\p{C}]*[^\p{C}\s])?$/u.test(text))
    throw inputInvalid(field, `1 to ${longest} printable characters, without spaces around them, are allowed`);
}

function checkUrl(field: string, text: string, never: RegExp, advice: string): void {
  const url = URL.canParse(text) && text.length <= ISSUER_LIMITS.url ? new URL(text) : undefined;
  const isPlain = url && ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.password === '';
  if (!isPlain || never.test(text))
    throw inputInvalid(field, `an http or https URL without credentials is allowed, ${advice}`);
}

function checkList(field: string, list: readonly unknown[], longest: number, shortest: number): void {
  if (list.length < shortest || list.length > longest)
    throw inputInvalid(field, `${shortest} to ${longest} of them are allowed`);
}

function checkWhole(field: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most)
    throw inputInvalid(field, `a whole number from ${least} to ${most} is allowed`);
}

function isCertificate(block: string): boolean {
  try {
    return new X509Certificate(block).subject !== undefined;
  } catch {
    return false;
  }
}
