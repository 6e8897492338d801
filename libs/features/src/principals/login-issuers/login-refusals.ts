import { BoundedCache, CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { AuditService, type AuditDetails } from '@claviger/features/audit';
import { Inject, Injectable } from '@nestjs/common';
import type { TokenRefusal } from './jwt-verifier.js';
import type { LoginIssuerEntity } from './login-issuer.entity.js';

/** Why a token that is right logs nobody in. */
export type EntryRefusal = 'changed-meanwhile' | 'not-linked' | 'no-possible-name' | 'name-taken' | 'disabled';

const ONCE_IN_MS = 60_000;
const CAPACITY = 10_000;

/**
 * Tells operators why tokens that an issuer did sign log nobody in, as the one answer does not. Once a minute in each
 * process for the same reason: whoever has such a token can send it as often as they like.
 */
@Injectable()
export class LoginRefusals {
  readonly #told = new BoundedCache<string, number>(CAPACITY);

  constructor(
    private readonly audit: AuditService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** `more` names what is known here; nothing that stands in the token. @throws AppError AUDIT_UNAVAILABLE */
  async note(
    ctx: RequestContext,
    issuer: LoginIssuerEntity,
    reason: TokenRefusal | EntryRefusal,
    more: AuditDetails = {},
  ): Promise<void> {
    const key = [issuer.id, reason, ...Object.values(more)].join(' ');
    const now = this.clock.now().getTime();
    if (now - (this.#told.get(key) ?? Number.NEGATIVE_INFINITY) < ONCE_IN_MS) return;
    this.#told.set(key, now);
    const resource = { kind: 'login-issuer', id: issuer.id, name: issuer.name };
    const details = { method: 'jwt', reason, ...more };
    await this.audit.commit(
      ctx,
      this.audit.entry(ctx, { action: 'access.login', outcome: 'refused', resource, details }),
    );
  }
}
