import { decodeProtectedHeader } from 'jose/decode/protected_header';
import { decodeJwt } from 'jose/jwt/decode';
import { z } from 'zod';
import { ContentProblem } from '../content.errors.js';
import { factText, factTexts } from '../content-facts.js';
import { defineContent, fields, text } from './content-definition.js';

const BASE64URL = /^[A-Za-z0-9_-]+$/;
/** Seconds since 1970 that a Date can hold (ECMAScript, 8.64e15 ms). */
const MAX_SECONDS = 8.64e12;

const numericDate = z
  .number()
  .min(-MAX_SECONDS)
  .max(MAX_SECONDS)
  .transform((seconds) => new Date(seconds * 1000).toISOString());

/** The registered claims that become facts, with the types of RFC 7519 section 4.1. Other claims may be anything. */
const claimSchema = z.object({
  iss: z.string().optional(),
  aud: z.union([z.string().transform((one) => [one]), z.array(z.string())]).optional(),
  exp: numericDate.optional(),
  nbf: numericDate.optional(),
  iat: numericDate.optional(),
});

/**
 * A signed token in JWS compact serialisation (RFC 7515) whose payload is a set of claims (RFC 7519). It is parsed, not
 * verified: Claviger does not hold the issuer's key.
 */
export const jwt = defineContent(fields({ token: text }), ({ token }) => {
  const { algorithm, claims } = parse(token);
  return {
    facts: {
      ...(claims.exp && { expiresAt: claims.exp }),
      jwt: {
        algorithm,
        audiences: factTexts(claims.aud ?? []),
        ...(claims.iss !== undefined && { issuer: factText(claims.iss) }),
        ...(claims.iat && { issuedAt: claims.iat }),
        ...(claims.nbf && { notBefore: claims.nbf }),
      },
    },
  };
});

function parse(token: string): { algorithm: string; claims: z.output<typeof claimSchema> } {
  const parts = token.split('.');
  if (parts.length === 5)
    throw problem('is an encrypted JWT; only signed ones can be judged: store it as a generic secret');
  if (parts.length !== 3) throw problem('must have three parts with dots between them (header.payload.signature)');
  if (!parts.slice(0, 2).every((part) => BASE64URL.test(part))) {
    throw problem('must be base64url in each part, with nothing around it (no "Bearer ", no white space)');
  }
  const algorithm = algorithmOf(token);
  if (algorithm === 'none')
    throw problem('is not signed ("alg" is "none"), so that anyone can make it; store a signed token');
  if (!BASE64URL.test(parts[2]!)) throw problem('has a signature that is empty or no base64url; store the whole token');
  return { algorithm: factText(algorithm), claims: claimsOf(token) };
}

function algorithmOf(token: string): string {
  const header = attempt(() => decodeProtectedHeader(token));
  if (header === undefined)
    throw problem('has a header that is not a JSON object in base64url; store the token as it was issued');
  if (typeof header.alg !== 'string' || header.alg === '') throw problem('has no algorithm ("alg") in its header');
  return header.alg;
}

function claimsOf(token: string): z.output<typeof claimSchema> {
  const payload = attempt(() => decodeJwt(token));
  if (payload === undefined)
    throw problem('has a payload that is not a JSON object in base64url; store the token as it was issued');
  const claims = claimSchema.safeParse(payload);
  if (claims.success) return claims.data;
  throw problem(`has a claim "${String(claims.error.issues[0]!.path[0])}" of the wrong type (RFC 7519, section 4.1)`);
}

/** jose's errors are dropped: some carry the token or its payload. */
function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

const problem = (words: string): ContentProblem => new ContentProblem('token', words);
