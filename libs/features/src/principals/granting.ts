import type { RequestContext } from '@claviger/kernel';
import { AccessService, PolicyService } from '@claviger/features/access';
import { Injectable } from '@nestjs/common';
import type { GroupEntity } from './group.entity.js';
import { GroupRepository } from './group.repository.js';
import type { PrincipalEntity } from './principal.entity.js';
import { policiesExceedOwn } from './principals.errors.js';

/**
 * Judges what gives somebody power: policies, membership, a password, a credential. As with tokens, nobody can give more
 * than they have, unless they have sudo on the path. To have a policy whose paths speak of their caller is to have it for
 * oneself: it covers nobody else's.
 */
@Injectable()
export class Granting {
  constructor(
    private readonly access: AccessService,
    private readonly policies: PolicyService,
    private readonly groups: GroupRepository,
  ) {}

  /** @throws AppError POLICIES_EXCEED_OWN */
  async assertMayGive(ctx: RequestContext, path: string, policies: readonly string[]): Promise<void> {
    if (this.access.hasSudo(ctx, path)) return;
    const isCovered = policies.every((name) => ctx.actor.policies.includes(name));
    if (!isCovered || (await this.policies.speaksOfCaller(ctx, policies))) throw policiesExceedOwn();
  }

  /** Whoever can log in as somebody has all that they have. @throws AppError POLICIES_EXCEED_OWN */
  async assertMayBecome(ctx: RequestContext, path: string, principal: PrincipalEntity): Promise<void> {
    if (ctx.actor.principal?.id === principal.id) return;
    await this.assertMayGive(ctx, path, await this.#policiesOf(ctx, principal));
  }

  /**
   * The same of letting somebody else in as them. One's own policies are no exception: who comes in may be put into groups,
   * of which paths of these policies may speak.
   * @throws AppError POLICIES_EXCEED_OWN
   */
  async assertMayLet(ctx: RequestContext, path: string, principal: PrincipalEntity): Promise<void> {
    await this.assertMayGive(ctx, path, await this.#policiesOf(ctx, principal));
  }

  /**
   * A member gets what the group has; and what the member has may say more of somebody who is in that group.
   * @throws AppError POLICIES_EXCEED_OWN
   */
  async assertMayAdd(ctx: RequestContext, path: string, group: GroupEntity, principal: PrincipalEntity): Promise<void> {
    await this.assertMayGive(ctx, path, group.policies);
    if (this.access.hasSudo(ctx, path)) return;
    if (await this.policies.speaksOfCaller(ctx, await this.#policiesOf(ctx, principal))) throw policiesExceedOwn();
  }

  async #policiesOf(ctx: RequestContext, principal: PrincipalEntity): Promise<string[]> {
    const groups = await this.groups.listOf(ctx, principal.id);
    return [...principal.policies, ...groups.flatMap(({ policies }) => policies)];
  }
}
