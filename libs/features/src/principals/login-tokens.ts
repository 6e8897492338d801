import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { TokenService, type IssuedToken } from '@claviger/features/access';
import { AuditService, type AuditDetails } from '@claviger/features/audit';
import { Inject, Injectable } from '@nestjs/common';
import type { PrincipalEntity } from './principal.entity.js';
import { PrincipalRepository } from './principal.repository.js';

/** How long the token of a log-in lives and is renewed for, unless the principal says otherwise: a working day, an hour. */
const TTL_SECONDS = { user: 12 * 3_600, 'service-account': 3_600 } as const;

/** How somebody logged in. */
export type LoginWay = {
  readonly method: 'password' | 'client-credential' | 'jwt';
  /** How long the token lives where the principal does not say; undefined for the usual time. */
  readonly ttlSeconds?: number | undefined;
  readonly isRenewable?: boolean;
  /** Where it was by one. */
  readonly loginIssuerId?: string;
  /** The user who made what a service account logs in with, where it is known. */
  readonly sponsorId?: string | null;
  /** For the audit entry. */
  readonly details?: AuditDetails;
};

/** Makes the tokens of those who have logged in. */
@Injectable()
export class LoginTokens {
  constructor(
    private readonly principals: PrincipalRepository,
    private readonly tokens: TokenService,
    private readonly audit: AuditService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** In the transaction that has the principal locked and found that it may log in. */
  async issue(tx: RequestContext, principal: PrincipalEntity, way: LoginWay): Promise<IssuedToken> {
    const ttlSeconds = principal.tokenTtlSeconds ?? way.ttlSeconds ?? TTL_SECONDS[principal.kind];
    await this.principals.noteLogin(tx, principal.id, {
      failedLogins: 0,
      lockedUntil: null,
      lastLoginAt: this.clock.now(),
    });
    const { id: principalId, displayName } = principal;
    const { isRenewable = true, loginIssuerId = null, sponsorId = null } = way;
    const login = { principalId, displayName, ttlSeconds, isRenewable, loginIssuerId, sponsorId };
    const issued = await this.tokens.createForPrincipal(tx, login);
    const resource = { kind: principal.kind, id: principal.id, name: principal.name };
    const details = { method: way.method, accessor: issued.view.accessor, ...way.details };
    await this.audit.record(
      tx,
      this.audit.entry(tx, { action: 'access.login', outcome: 'allowed', resource, details }),
    );
    return issued;
  }
}
