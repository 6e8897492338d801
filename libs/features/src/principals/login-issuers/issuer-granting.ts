import type { PrincipalKind, RequestContext } from '@claviger/kernel';
import { accessErrors, AccessService } from '@claviger/features/access';
import { Injectable } from '@nestjs/common';
import { Granting } from '../granting.js';
import type { GroupEntity } from '../group.entity.js';
import { groupPath } from '../group.service.js';
import { principalPath } from '../principal.service.js';
import { LoginIdentityRepository } from './login-identity.repository.js';

/** What an issuer does, once it is saved. */
export type IssuerPower = {
  /** Unless it is a new one. */
  readonly id?: string;
  readonly kind: PrincipalKind;
  readonly provisions: boolean;
  readonly groups: readonly Pick<GroupEntity, 'name' | 'policies'>[];
};

/**
 * Judges who may say how an issuer logs in. Whoever says where its keys are can make tokens of it: be everybody that its
 * subjects stand for, make principals, and enter the groups that it maps. So they need what they would need to do all that
 * by hand.
 */
@Injectable()
export class IssuerGranting {
  constructor(
    private readonly access: AccessService,
    private readonly granting: Granting,
    private readonly identities: LoginIdentityRepository,
  ) {}

  /** Before it is looked whether there are such groups. @throws AppError ACCESS_DENIED */
  assertMayMap(ctx: RequestContext, groups: Iterable<string>): void {
    for (const name of groups) this.access.authorize(ctx, groupPath(name), 'update');
  }

  /**
   * `path` is that of the issuer, whose groups the caller {@link assertMayMap may map}.
   * @throws AppError ACCESS_DENIED, POLICIES_EXCEED_OWN
   */
  async assertMayHave(tx: RequestContext, path: string, { id, kind, provisions, groups }: IssuerPower): Promise<void> {
    if (provisions) this.access.authorize(tx, principalPath(kind, ''), 'create');
    const linked = id === undefined ? [] : await this.identities.principalsOf(tx, id);
    // Who they are is not told: the caller may not know of them.
    if (linked.some((one) => !this.access.can(tx, principalPath(one.kind, one.name), 'update')))
      throw accessErrors.accessDenied(principalPath(kind, ''), 'update');
    const theirs = id === undefined ? [] : await this.identities.policiesOf(tx, id);
    await this.granting.assertMayGive(tx, path, [...groups.flatMap(({ policies }) => policies), ...theirs]);
  }
}
