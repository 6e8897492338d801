import { isAppError, type RequestContext, type SecretValue } from '@claviger/kernel';
import { AccessEpoch, type IssuedToken } from '@claviger/features/access';
import { AuditService, type AuditDetails } from '@claviger/features/audit';
import { Database } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { LoginTokens } from '../login-tokens.js';
import type { PrincipalEntity } from '../principal.entity.js';
import { isDisplayText, isPrincipalName } from '../principal-input.policy.js';
import { PrincipalRepository } from '../principal.repository.js';
import { mappedGroups, type Subject } from './claims.policy.js';
import { IssuerMembershipRepository } from './issuer-membership.repository.js';
import { JwtVerifier } from './jwt-verifier.js';
import { LoginIdentityRepository } from './login-identity.repository.js';
import type { LoginIssuerEntity } from './login-issuer.entity.js';
import { LoginIssuerRepository } from './login-issuer.repository.js';
import { LoginRefusals, type EntryRefusal } from './login-refusals.js';

const TRIES = 2;

type Refused = { readonly refusal: EntryRefusal; readonly more?: AuditDetails };

/** Logs in by a JWT of a configured issuer. */
@Injectable()
export class JwtLoginService {
  constructor(
    private readonly database: Database,
    private readonly issuers: LoginIssuerRepository,
    private readonly identities: LoginIdentityRepository,
    private readonly memberships: IssuerMembershipRepository,
    private readonly principals: PrincipalRepository,
    private readonly verifier: JwtVerifier,
    private readonly refusals: LoginRefusals,
    private readonly loginTokens: LoginTokens,
    private readonly epoch: AccessEpoch,
    private readonly audit: AuditService,
  ) {}

  /** Undefined for whatever is refused. @throws AppError LOGIN_ISSUER_UNAVAILABLE, AUDIT_UNAVAILABLE */
  async logIn(ctx: RequestContext, name: string, token: SecretValue<string>): Promise<IssuedToken | undefined> {
    const issuer = isPrincipalName(name) ? await this.issuers.find(ctx, name) : undefined;
    if (!issuer || issuer.isDisabled) return undefined;
    const verdict = await this.verifier.verify(issuer, token);
    if (verdict === 'unsigned') return undefined;
    const outcome = 'refusal' in verdict ? verdict : await this.#enter(ctx, issuer, verdict.subject);
    if (!('refusal' in outcome)) return outcome;
    await this.refusals.note(ctx, issuer, outcome.refusal, 'more' in outcome ? outcome.more : {});
    return undefined;
  }

  async #enter(ctx: RequestContext, issuer: LoginIssuerEntity, subject: Subject): Promise<IssuedToken | Refused> {
    for (let tries = 0; tries < TRIES; tries += 1) {
      try {
        return await this.database.transaction(ctx, (tx) => this.#enterIn(tx, issuer, subject));
      } catch (error) {
        // Somebody was first: the same person, who is known now, or another one, who has the name.
        if (!isAppError(error, 'PRINCIPAL_EXISTS') && !isAppError(error, 'LOGIN_LINK_EXISTS')) throw error;
      }
    }
    return { refusal: 'changed-meanwhile' };
  }

  async #enterIn(tx: RequestContext, issuer: LoginIssuerEntity, subject: Subject): Promise<IssuedToken | Refused> {
    if (!(await this.issuers.hold(tx, issuer))) return { refusal: 'changed-meanwhile' };
    const mapping = (await this.issuers.mappingsOf(tx, [issuer.id])).get(issuer.id)!;
    // Before the principal, as whoever adds a member does: none waits for another in a circle.
    const groups = await this.memberships.hold(tx, mappedGroups(mapping, subject.groupValues));
    const principal = (await this.#known(tx, issuer, subject)) ?? (await this.#provision(tx, issuer, subject));
    if ('refusal' in principal) return principal;
    if (principal.isDisabled) return { refusal: 'disabled', more: { principal: principal.name } };
    const { joined, left } = await this.memberships.sync(tx, issuer.id, principal.id, groups);
    if (joined.length + left.length > 0) await this.epoch.bump(tx);
    return this.loginTokens.issue(tx, principal, {
      method: 'jwt',
      ttlSeconds: issuer.tokenTtlSeconds ?? undefined,
      // The issuer is asked again: whoever it does not know any more is out when the token ends.
      isRenewable: false,
      loginIssuerId: issuer.id,
      details: { issuer: issuer.name, joined: joined.join(','), left: left.join(',') },
    });
  }

  async #known(
    tx: RequestContext,
    issuer: LoginIssuerEntity,
    { subject }: Subject,
  ): Promise<PrincipalEntity | undefined> {
    const id = await this.identities.findPrincipalId(tx, issuer.id, subject);
    return id === undefined ? undefined : this.principals.lockById(tx, id);
  }

  /** Makes a principal of a subject that is not known. One that is there already is never taken over by its name. */
  async #provision(
    tx: RequestContext,
    issuer: LoginIssuerEntity,
    subject: Subject,
  ): Promise<PrincipalEntity | Refused> {
    if (!issuer.provisions) return { refusal: 'not-linked' };
    const { name, displayName } = subject;
    if (name === undefined || !isPrincipalName(name)) return { refusal: 'no-possible-name' };
    if (await this.principals.findByName(tx, name)) {
      // The same person may have come in since: then they are known by now, because both are made in one transaction.
      const known = await this.#known(tx, issuer, subject);
      return known ?? { refusal: 'name-taken', more: { principal: name } };
    }
    const principal = await this.principals.insert(tx, {
      kind: issuer.kind,
      name,
      displayName: displayName !== undefined && isDisplayText(displayName) ? displayName : name,
      policies: [],
      tokenTtlSeconds: null,
    });
    await this.identities.insert(tx, { issuerId: issuer.id, subject: subject.subject, principalId: principal.id });
    const resource = { kind: principal.kind, id: principal.id, name };
    const details = { issuer: issuer.name };
    const action = `${principal.kind}.create`;
    await this.audit.record(tx, this.audit.entry(tx, { action, outcome: 'allowed', resource, details }));
    return principal;
  }
}
