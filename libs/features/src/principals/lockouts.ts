import { CLOCK, type Clock, type RequestContext } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import { Inject, Injectable } from '@nestjs/common';
import { lockedUntil } from './lockout.policy.js';
import type { PrincipalEntity } from './principal.entity.js';
import { PrincipalRepository } from './principal.repository.js';

/** Counts wrong passwords, and lets a user rest after too many. */
@Injectable()
export class Lockouts {
  constructor(
    private readonly principals: PrincipalRepository,
    private readonly audit: AuditService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  isLocked({ lockedUntil: until }: PrincipalEntity): boolean {
    return until !== null && this.clock.now() < until;
  }

  /** Counts and audits one more. The user's row is locked in this transaction. */
  async noteFailure(tx: RequestContext, user: PrincipalEntity): Promise<void> {
    const failedLogins = user.failedLogins + 1;
    const until = lockedUntil(failedLogins, this.clock.now());
    await this.principals.noteLogin(tx, user.id, { failedLogins, lockedUntil: until });
    const resource = { kind: user.kind, id: user.id, name: user.name };
    const details = { failedLogins, ...(until && { lockedUntil: until.toISOString() }) };
    await this.audit.record(
      tx,
      this.audit.entry(tx, { action: 'access.login', outcome: 'refused', resource, details }),
    );
  }
}
