import type { PrincipalKind, RequestContext } from '@claviger/kernel';
import { Database, isUniqueViolation } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { LoginIdentityEntity } from './login-identity.entity.js';
import { loginLinkExists } from './login-issuers.errors.js';

/** Whom a subject stands for, as it is shown. */
export type LinkRow = {
  readonly principalId: string;
  readonly name: string;
  readonly kind: PrincipalKind;
  readonly subject: string;
  readonly createdAt: Date;
};

/** The rows that say whom the subjects of issuers stand for. */
@Injectable()
export class LoginIdentityRepository {
  constructor(private readonly database: Database) {}

  /** @throws AppError LOGIN_LINK_EXISTS */
  async insert(
    tx: RequestContext,
    row: Pick<LoginIdentityEntity, 'issuerId' | 'subject' | 'principalId'>,
  ): Promise<void> {
    try {
      await this.database.repository(tx, LoginIdentityEntity).insert({ ...row, storeId: tx.storeId });
    } catch (error) {
      if (isUniqueViolation(error, 'pk_login_identity') || isUniqueViolation(error, 'uq_login_identity_principal'))
        throw loginLinkExists();
      throw error;
    }
  }

  async findPrincipalId(ctx: RequestContext, issuerId: string, subject: string): Promise<string | undefined> {
    const where = { storeId: ctx.storeId, issuerId, subject };
    return (await this.database.repository(ctx, LoginIdentityEntity).findOneBy(where))?.principalId;
  }

  /** The identity of a principal, whichever issuer it is of. */
  async findOf(ctx: RequestContext, principalId: string): Promise<LoginIdentityEntity | undefined> {
    const where = { storeId: ctx.storeId, principalId };
    return (await this.database.repository(ctx, LoginIdentityEntity).findOneBy(where)) ?? undefined;
  }

  /** By the names of principals, from the one after `after`. */
  async list(ctx: RequestContext, issuerId: string, limit: number, after = ''): Promise<LinkRow[]> {
    const rows = await this.database
      .repository(ctx, LoginIdentityEntity)
      .createQueryBuilder('i')
      .innerJoinAndSelect('i.principal', 'p')
      .where('i.store_id = :storeId and i.issuer_id = :issuerId', { storeId: ctx.storeId, issuerId })
      .andWhere('p.name > :after', { after })
      .orderBy('p.name')
      .limit(limit)
      .getMany();
    return rows.map(({ principal: { id, name, kind }, subject, createdAt }) => ({
      principalId: id,
      name,
      kind,
      subject,
      createdAt,
    }));
  }

  /** Whether there was one. */
  async remove(tx: RequestContext, issuerId: string, principalId: string): Promise<boolean> {
    const where = { storeId: tx.storeId, issuerId, principalId };
    return (await this.database.repository(tx, LoginIdentityEntity).delete(where)).affected === 1;
  }

  /** Those that the subjects of an issuer stand for. */
  async principalsOf(
    ctx: RequestContext,
    issuerId: string,
  ): Promise<{ id: string; kind: PrincipalKind; name: string }[]> {
    return (await this.database.manager(ctx).query(
      `select p.id, p.kind, p.name from login_identity i join principal p on p.store_id = i.store_id and p.id = i.principal_id
       where i.store_id = $1 and i.issuer_id = $2`,
      [ctx.storeId, issuerId],
    )) as { id: string; kind: PrincipalKind; name: string }[];
  }

  /** Every policy that one of these has, of their own or from a group, each once. */
  async policiesOf(ctx: RequestContext, issuerId: string): Promise<string[]> {
    const rows = (await this.database.manager(ctx).query(
      `with linked as (select principal_id from login_identity where store_id = $1 and issuer_id = $2)
       select unnest(p.policies) as policy from principal p join linked l on l.principal_id = p.id where p.store_id = $1
       union
       select unnest(g.policies) from group_member m join linked l using (principal_id)
         join principal_group g on g.store_id = m.store_id and g.id = m.group_id where m.store_id = $1`,
      [ctx.storeId, issuerId],
    )) as { policy: string }[];
    return rows.map(({ policy }) => policy);
  }
}
