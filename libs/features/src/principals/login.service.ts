import { timingSafeEqual } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CLOCK, isId, newId, systemContext, type Clock, type RequestContext, type SecretValue } from '@claviger/kernel';
import type { IssuedToken } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { Inject, Injectable } from '@nestjs/common';
import { ClientCredentialRepository } from './client-credential.repository.js';
import { isClientSecret } from './client-secret.js';
import { Lockouts } from './lockouts.js';
import { JwtLoginService } from './login-issuers/jwt-login.service.js';
import { LoginTokens } from './login-tokens.js';
import { PasswordHasher } from './password-hasher.js';
import { isPrincipalName } from './principal-input.policy.js';
import { PrincipalRepository } from './principal.repository.js';
import { loginRefused } from './principals.errors.js';

/**
 * No refusal comes sooner: what was wrong must not be told by how long it took, and a known name costs a transaction more
 * than one that is not. Longer than any of the ways takes on a machine that is not overloaded.
 */
const REFUSED_AFTER_MS = 250;

/** Where a log-in comes from. */
export type LoginOrigin = { readonly requestId: string; readonly remoteAddress: string };

/**
 * Logs users and service accounts in. Every refusal is the same answer after the same work, whatever was wrong, and what
 * is not known is not stored entry by entry but counted.
 */
@Injectable()
export class LoginService {
  constructor(
    private readonly database: Database,
    private readonly principals: PrincipalRepository,
    private readonly credentials: ClientCredentialRepository,
    private readonly hasher: PasswordHasher,
    private readonly lockouts: Lockouts,
    private readonly loginTokens: LoginTokens,
    private readonly jwt: JwtLoginService,
    private readonly audit: AuditService,
    private readonly keyring: Keyring,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** A user, by name and password. @throws AppError LOGIN_REFUSED, LOGIN_BUSY */
  withPassword(origin: LoginOrigin, name: string, password: SecretValue<string>): Promise<IssuedToken> {
    return this.#orRefuse(origin, (ctx) => this.#withPassword(ctx, name, password));
  }

  /** A service account, by its id and one of its secrets. @throws AppError LOGIN_REFUSED */
  withClientCredential(origin: LoginOrigin, clientId: string, clientSecret: SecretValue<string>): Promise<IssuedToken> {
    return this.#orRefuse(origin, (ctx) => this.#withClientCredential(ctx, clientId, clientSecret));
  }

  /**
   * Whoever a JWT of a login issuer speaks of.
   * @throws AppError LOGIN_REFUSED, LOGIN_ISSUER_UNAVAILABLE, AUDIT_UNAVAILABLE
   */
  withJwt(origin: LoginOrigin, issuer: string, token: SecretValue<string>): Promise<IssuedToken> {
    return this.#orRefuse(origin, (ctx) => this.jwt.logIn(ctx, issuer, token));
  }

  async #withPassword(
    ctx: RequestContext,
    name: string,
    password: SecretValue<string>,
  ): Promise<IssuedToken | undefined> {
    const user = isPrincipalName(name) ? await this.principals.findWithPassword(ctx, name) : undefined;
    const isRight = await this.hasher.verify(user?.passwordHash ?? null, password);
    if (!user || user.isDisabled || this.lockouts.isLocked(user)) return undefined;
    return this.database.transaction(ctx, async (tx) => {
      // Others may have tried meanwhile: what counts is the row as it is now.
      const now = await this.principals.lock(tx, 'user', name);
      if (!now || now.isDisabled || this.lockouts.isLocked(now)) return undefined;
      if (!isRight) {
        await this.lockouts.noteFailure(tx, now);
        return undefined;
      }
      const known = await this.principals.findWithPassword(tx, name);
      // A password that was changed while the old one was checked is not the right one any more.
      if (known?.passwordHash !== user.passwordHash) return undefined;
      return this.loginTokens.issue(tx, now, { method: 'password' });
    });
  }

  async #withClientCredential(
    ctx: RequestContext,
    clientId: string,
    clientSecret: SecretValue<string>,
  ): Promise<IssuedToken | undefined> {
    const text = clientSecret.reveal();
    if (!isId(clientId) || !isClientSecret(text)) return undefined;
    const hash = this.keyring.mac(ctx.storeId, 'access').hmac(text);
    return this.database.transaction(ctx, async (tx) => {
      const credential = await this.credentials.findByHash(tx, hash);
      if (!credential || !timingSafeEqual(credential.hash, hash) || credential.principalId !== clientId)
        return undefined;
      const principal = await this.principals.lock(tx, 'service-account', credential.principal.name);
      const now = this.clock.now();
      if (!principal || principal.isDisabled || (credential.expiresAt && credential.expiresAt <= now)) return undefined;
      // It may have been taken back before the account was locked.
      if (!(await this.credentials.noteUse(tx, credential.id, now))) return undefined;
      const details = { credentialId: credential.id };
      const { sponsorId } = credential;
      return this.loginTokens.issue(tx, principal, { method: 'client-credential', sponsorId, details });
    });
  }

  async #orRefuse(
    origin: LoginOrigin,
    login: (ctx: RequestContext) => Promise<IssuedToken | undefined>,
  ): Promise<IssuedToken> {
    const refusedAt = performance.now() + REFUSED_AFTER_MS;
    const issued = await login(this.#context(origin));
    if (issued) return issued;
    // Anybody can cause these, so they are counted.
    this.audit.countUnauthenticated(origin.remoteAddress);
    await sleep(Math.max(0, refusedAt - performance.now()));
    throw loginRefused();
  }

  /** Nobody has been authenticated yet. */
  #context({ requestId, remoteAddress }: LoginOrigin): RequestContext {
    const storeId = this.keyring.rootStoreId;
    return { ...systemContext({ requestId: requestId || newId(), storeId, job: 'access.login' }), remoteAddress };
  }
}
