import { SecretValue } from '@claviger/kernel';
import { z } from 'zod';
import { vaultPath } from './kv.path.js';
import type { KvCredentials } from './kv.settings.js';
import type { KvAnswer, KvRequest } from './kv.wire.js';

/** A token and what is known about its life. */
export type Grant = {
  readonly token: SecretValue<string>;
  /** When it was granted or renewed last, and for how long; 0 means for ever. */
  readonly grantedAtMs: number;
  readonly ttlMs: number;
  readonly renewable: boolean;
  /** From when on a new login is due instead of another use; undefined for a token that was given to us. */
  readonly dueAtMs: number | undefined;
  /** True when it may look itself up: then a refused look-up proves that it is void. */
  readonly looksItselfUp: boolean;
};

/** The request that exchanges credentials for a token. */
export function loginRequest(credentials: Exclude<KvCredentials, { type: 'token' }>): KvRequest {
  switch (credentials.type) {
    case 'approle':
      return login([credentials.mountPath ?? 'approle', 'login'], {
        role_id: credentials.roleId,
        secret_id: credentials.secretId,
      });
    case 'userpass':
      return login([credentials.mountPath ?? 'userpass', 'login', credentials.username], {
        password: credentials.password,
      });
    case 'jwt':
      return login([credentials.mountPath ?? 'jwt', 'login'], { role: credentials.role, jwt: credentials.jwt });
  }
}

function login(path: readonly string[], body: Readonly<Record<string, string>>): KvRequest {
  return { method: 'POST', path: vaultPath('auth', ...path), body: new SecretValue(JSON.stringify(body)) };
}

const authSchema = z.object({
  auth: z.object({
    client_token: z.string().min(1),
    lease_duration: z.number().nonnegative(),
    renewable: z.boolean(),
    policies: z.array(z.string()).nullish(),
  }),
});

const lookupSchema = z.object({ data: z.object({ ttl: z.number().nonnegative(), renewable: z.boolean().optional() }) });

/** A renewable token is kept alive by renewals; another one is replaced when two thirds of its life are over. */
export const RENEWAL_SHARE = 2 / 3;

/** What an answer to a login or a renewal grants; undefined when it grants nothing. */
export function parseGrant(answer: KvAnswer, nowMs: number): Grant | undefined {
  const auth = parse(answer, authSchema)?.auth;
  if (!auth) return undefined;
  const ttlMs = auth.lease_duration * 1000;
  const life = ttlMs * (auth.renewable ? 0.9 : RENEWAL_SHARE);
  return {
    token: new SecretValue(auth.client_token),
    grantedAtMs: nowMs,
    ttlMs,
    renewable: auth.renewable,
    dueAtMs: ttlMs === 0 ? undefined : nowMs + life,
    looksItselfUp: auth.policies?.some((policy) => policy === 'default' || policy === 'root') ?? false,
  };
}

/** What is known of a token that was given to us, from the answer to its look-up of itself. */
export function givenGrant(token: SecretValue<string>, lookup: KvAnswer, nowMs: number): Grant {
  const data = lookup.status === 200 ? parse(lookup, lookupSchema)?.data : undefined;
  return {
    token,
    grantedAtMs: nowMs,
    ttlMs: (data?.ttl ?? 0) * 1000,
    renewable: data?.renewable ?? false,
    dueAtMs: undefined,
    looksItselfUp: data !== undefined,
  };
}

function parse<T>(answer: KvAnswer, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.safeParse(JSON.parse(answer.body.reveal())).data;
  } catch {
    return undefined;
  }
}
