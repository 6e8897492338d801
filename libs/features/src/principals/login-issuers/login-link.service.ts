import type { RequestContext } from '@claviger/kernel';
import { AccessService, TokenService } from '@claviger/features/access';
import { AuditService, type AuditDetails } from '@claviger/features/audit';
import { Database } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { Granting } from '../granting.js';
import type { PrincipalEntity } from '../principal.entity.js';
import { isPrincipalName } from '../principal-input.policy.js';
import { PrincipalRepository } from '../principal.repository.js';
import { principalPath } from '../principal.service.js';
import { inputInvalid, principalNotFound } from '../principals.errors.js';
import { isSubject } from './claims.policy.js';
import { IssuerMembershipRepository, type HeldGroup } from './issuer-membership.repository.js';
import { LoginIdentityRepository, type LinkRow } from './login-identity.repository.js';
import type { LoginIssuerEntity } from './login-issuer.entity.js';
import { LoginIssuerRepository } from './login-issuer.repository.js';
import { issuerPath } from './login-issuer.service.js';
import { loginIssuerNotFound, loginLinkExists, loginLinkNotFound } from './login-issuers.errors.js';

/** Whom a subject stands for, as it is shown. */
export type LoginLinkView = Omit<LinkRow, 'principalId'>;

/** An issuer, a principal and the groups that the one maps, none of which changes meanwhile. */
type Ends = {
  readonly row: LoginIssuerEntity;
  readonly whom: PrincipalEntity;
  readonly groups: readonly HeldGroup[];
};

/** Three parts of base64url, of which the first begins as JSON does. */
const LOOKS_LIKE_JWT = /^eyJ[\w-]*\.[\w-]*\./;

/** Says by hand whom the subjects of an issuer stand for. */
@Injectable()
export class LoginLinkService {
  constructor(
    private readonly database: Database,
    private readonly issuers: LoginIssuerRepository,
    private readonly identities: LoginIdentityRepository,
    private readonly memberships: IssuerMembershipRepository,
    private readonly principals: PrincipalRepository,
    private readonly granting: Granting,
    private readonly access: AccessService,
    private readonly tokens: TokenService,
    private readonly audit: AuditService,
  ) {}

  /** By the names of principals, from the one after `after`. @throws AppError ACCESS_DENIED, LOGIN_ISSUER_NOT_FOUND */
  async list(ctx: RequestContext, issuer: string, limit: number, after?: string): Promise<LoginLinkView[]> {
    if (!isPrincipalName(issuer)) throw loginIssuerNotFound();
    this.access.authorize(ctx, issuerPath(issuer), 'read');
    const row = await this.issuers.find(ctx, issuer);
    if (!row) throw loginIssuerNotFound();
    const links = await this.identities.list(ctx, row.id, limit, after);
    return links.map(({ name, kind, subject, createdAt }) => ({ name, kind, subject, createdAt }));
  }

  /**
   * Lets a subject log in as a principal of the issuer's kind. Nothing happens when it does already.
   * @throws AppError ACCESS_DENIED, INPUT_INVALID, LOGIN_ISSUER_NOT_FOUND, PRINCIPAL_NOT_FOUND, POLICIES_EXCEED_OWN,
   *   LOGIN_LINK_EXISTS
   */
  async link(ctx: RequestContext, issuer: string, principal: string, subject: string): Promise<void> {
    if (!isSubject(subject) || LOOKS_LIKE_JWT.test(subject))
      throw inputInvalid('subject', '1 to 256 printable characters that are no token are allowed');
    await this.#change(ctx, issuer, principal, async (tx, { row, whom, groups }) => {
      await this.granting.assertMayGive(
        tx,
        issuerPath(issuer),
        groups.flatMap(({ policies }) => policies),
      );
      await this.granting.assertMayLet(tx, principalPath(row.kind, principal), whom);
      const known = await this.identities.findOf(tx, whom.id);
      if (known?.issuerId === row.id && known.subject === subject) return;
      if (known) throw loginLinkExists();
      await this.identities.insert(tx, { issuerId: row.id, subject, principalId: whom.id });
      await this.#record(tx, 'link', row, whom, { subject });
    });
  }

  /**
   * Takes a principal its way in, what the issuer gave it, and its tokens.
   * @throws AppError ACCESS_DENIED, LOGIN_ISSUER_NOT_FOUND, PRINCIPAL_NOT_FOUND, LOGIN_LINK_NOT_FOUND
   */
  async unlink(ctx: RequestContext, issuer: string, principal: string): Promise<void> {
    await this.#change(ctx, issuer, principal, async (tx, { row, whom }) => {
      if (!(await this.identities.remove(tx, row.id, whom.id))) throw loginLinkNotFound();
      await this.memberships.drop(tx, row.id, whom.id);
      const revoked = await this.tokens.revokeOfPrincipals(tx, [whom.id]);
      await this.#record(tx, 'unlink', row, whom, { revoked });
    });
  }

  async #change(
    ctx: RequestContext,
    issuer: string,
    principal: string,
    change: (tx: RequestContext, ends: Ends) => Promise<void>,
  ): Promise<void> {
    if (!isPrincipalName(issuer)) throw loginIssuerNotFound();
    this.access.authorize(ctx, issuerPath(issuer), 'update');
    await this.database.transaction(ctx, async (tx) => {
      const row = await this.issuers.lock(tx, issuer);
      if (!row) throw loginIssuerNotFound();
      if (!isPrincipalName(principal)) throw principalNotFound(row.kind);
      // With a link one becomes somebody, as with a password: it needs the same permission.
      this.access.authorize(tx, principalPath(row.kind, principal), 'update');
      // Groups before principals, as log-ins and whoever adds a member do: none waits for another in a circle.
      const mapping = (await this.issuers.mappingsOf(tx, [row.id])).get(row.id)!;
      const groups = await this.memberships.hold(tx, new Set(mapping.map(({ groupId }) => groupId)));
      const whom = await this.principals.lock(tx, row.kind, principal);
      if (!whom) throw principalNotFound(row.kind);
      await change(tx, { row, whom, groups });
    });
  }

  async #record(
    tx: RequestContext,
    act: string,
    { id, name }: LoginIssuerEntity,
    whom: PrincipalEntity,
    more: AuditDetails,
  ): Promise<void> {
    const resource = { kind: 'login-issuer', id, name };
    const details = { principal: whom.name, principalId: whom.id, ...more };
    const action = `login-issuer.${act}`;
    await this.audit.record(tx, this.audit.entry(tx, { action, outcome: 'allowed', resource, details }));
  }
}
