import { CLOCK, isAppError, type Clock, type SecretValue } from '@claviger/kernel';
import { Inject, Injectable } from '@nestjs/common';
import { errors, jwtVerify } from 'jose';
import { judgeClaims, type ClaimRefusal, type Claims, type Subject } from './claims.policy.js';
import { IssuerKeys } from './issuer-keys.js';
import type { LoginIssuerEntity } from './login-issuer.entity.js';

/** Longest token that is looked at, in bytes. */
export const MAX_JWT_BYTES = 16_384;

/** Why a token with a right signature logs nobody in. */
export type TokenRefusal = ClaimRefusal | 'expired' | 'type' | `claim-${CheckedClaim}`;

/** `unsigned` for whatever did not come from the issuer: anybody can send that. */
export type TokenVerdict = { readonly subject: Subject } | { readonly refusal: TokenRefusal } | 'unsigned';

const CHECKED = ['iss', 'aud', 'nbf', 'exp', 'iat'] as const;
type CheckedClaim = (typeof CHECKED)[number];

/**
 * What an ID token (OpenID Connect Core) and an access token (RFC 9068) say they are, where they say anything. Others are
 * made for something else (RFC 8725, 3.11): a log-out token of the same issuer and audience must log nobody in.
 */
const TYPES: readonly unknown[] = [undefined, 'jwt', 'at+jwt'];

/** Says whom a JWT speaks of, as its issuer is configured. The clock of Claviger is what counts. */
@Injectable()
export class JwtVerifier {
  constructor(
    private readonly keys: IssuerKeys,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError LOGIN_ISSUER_UNAVAILABLE */
  async verify(issuer: LoginIssuerEntity, token: SecretValue<string>): Promise<TokenVerdict> {
    const text = token.reveal();
    if (Buffer.byteLength(text) > MAX_JWT_BYTES) return 'unsigned';
    const now = this.clock.now();
    let claims: Claims;
    try {
      const { payload, protectedHeader } = await jwtVerify(text, this.keys.of(issuer), {
        // Never what the token asks for: a public key must not be taken for an HMAC secret (RFC 8725, 3.1).
        algorithms: issuer.algorithms,
        issuer: issuer.issuer,
        audience: issuer.audiences,
        requiredClaims: ['exp', 'iat'],
        clockTolerance: issuer.leewaySeconds,
        currentDate: now,
      });
      if (!TYPES.includes(protectedHeader.typ?.toLowerCase().replace(/^application\//, ''))) return { refusal: 'type' };
      claims = payload;
    } catch (error) {
      if (isAppError(error)) throw error;
      return refusalOf(error);
    }
    return judgeClaims(issuer, claims, now);
  }
}

/** Claims are looked at once the signature is right: what fails before did not come from the issuer. */
function refusalOf(error: unknown): TokenVerdict {
  if (error instanceof errors.JWTExpired) return { refusal: 'expired' };
  if (!(error instanceof errors.JWTClaimValidationFailed)) return 'unsigned';
  const claim = CHECKED.find((name) => name === error.claim);
  return claim ? { refusal: `claim-${claim}` } : 'unsigned';
}
