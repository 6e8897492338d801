import type { RequestContext } from '@claviger/kernel';
import { AccessEpoch, AccessService, TokenService } from '@claviger/features/access';
import { AuditService, type AuditDetails } from '@claviger/features/audit';
import { Database } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { checkName, isPrincipalName } from '../principal-input.policy.js';
import { inputInvalid, staleMatch } from '../principals.errors.js';
import { IssuerGranting } from './issuer-granting.js';
import { IssuerMembershipRepository, type HeldGroup } from './issuer-membership.repository.js';
import { LoginIdentityRepository } from './login-identity.repository.js';
import {
  checkedCertificates,
  checkIssuer,
  checkMapping,
  ISSUER_DEFAULTS,
  type IssuerSettings,
} from './login-issuer-input.policy.js';
import type { LoginIssuerEntity } from './login-issuer.entity.js';
import { LoginIssuerRepository, type MappedGroup } from './login-issuer.repository.js';
import { loginIssuerNotFound } from './login-issuers.errors.js';

/** Whoever has this value in the groups claim is in this group, which is named. */
export type GroupMapping = { readonly value: string; readonly group: string };

/** A login issuer as it is shown. */
export type LoginIssuerView = Omit<LoginIssuerEntity, 'storeId'> & { readonly groupMappings: readonly GroupMapping[] };

type Required = 'issuer' | 'audiences';

export type NewLoginIssuer = Pick<IssuerSettings, Required> &
  Partial<IssuerSettings> & { readonly name: string; readonly groupMappings?: readonly GroupMapping[] };

/** What a subject is, never changes: those that are known would become somebody else. */
export type LoginIssuerChanges = Partial<Omit<IssuerSettings, 'issuer' | 'subjectClaim' | 'kind'>> & {
  readonly groupMappings?: readonly GroupMapping[];
};

/** The path that permission for a login issuer is judged on. */
export const issuerPath = (name: string): string => `claviger/login-issuers/${name}`;

/** Keeps login issuers. What is taken from those whom they log in is gone in every process within a second. */
@Injectable()
export class LoginIssuerService {
  constructor(
    private readonly database: Database,
    private readonly issuers: LoginIssuerRepository,
    private readonly identities: LoginIdentityRepository,
    private readonly memberships: IssuerMembershipRepository,
    private readonly granting: IssuerGranting,
    private readonly access: AccessService,
    private readonly tokens: TokenService,
    private readonly epoch: AccessEpoch,
    private readonly audit: AuditService,
  ) {}

  /** By name, from the one after `after`. @throws AppError ACCESS_DENIED */
  async list(ctx: RequestContext, limit: number, after?: string): Promise<LoginIssuerView[]> {
    this.access.authorize(ctx, issuerPath(''), 'list');
    const rows = await this.issuers.list(ctx, limit, after);
    const mappings = await this.issuers.mappingsOf(
      ctx,
      rows.map(({ id }) => id),
    );
    return rows.map((row) => toView(row, mappings.get(row.id)!));
  }

  /** @throws AppError ACCESS_DENIED, LOGIN_ISSUER_NOT_FOUND */
  async get(ctx: RequestContext, name: string): Promise<LoginIssuerView> {
    refuseOtherThanName(name);
    this.access.authorize(ctx, issuerPath(name), 'read');
    const row = await this.issuers.find(ctx, name);
    if (!row) throw loginIssuerNotFound();
    return this.#view(ctx, row);
  }

  /** @throws AppError ACCESS_DENIED, INPUT_INVALID, POLICIES_EXCEED_OWN, LOGIN_ISSUER_EXISTS */
  async create(ctx: RequestContext, wanted: NewLoginIssuer): Promise<LoginIssuerView> {
    const { name, groupMappings = [], ...given } = wanted;
    checkName(name);
    this.access.authorize(ctx, issuerPath(name), 'create');
    const settings = checked({
      ...ISSUER_DEFAULTS,
      nameClaim: given.subjectClaim ?? ISSUER_DEFAULTS.subjectClaim,
      ...given,
    });
    checkMapping(groupMappings, settings.groupsClaim);
    this.granting.assertMayMap(ctx, namesIn(groupMappings));
    return this.database.transaction(ctx, async (tx) => {
      const groups = await this.#groups(tx, groupMappings);
      await this.granting.assertMayHave(tx, issuerPath(name), { ...settings, groups: [...groups.values()] });
      const row = await this.issuers.insert(tx, name, settings);
      await this.issuers.map(tx, row.id, mapped(groupMappings, groups));
      await this.#record(tx, 'create', row, { issuer: row.issuer, groups: [...groups.keys()].join(',') });
      return this.#view(tx, row);
    });
  }

  /**
   * Disabling one ends the tokens of all whom it logs in. A mapping that goes takes its memberships with it.
   * @throws AppError ACCESS_DENIED, INPUT_INVALID, LOGIN_ISSUER_NOT_FOUND, POLICIES_EXCEED_OWN, STALE_MATCH
   */
  async update(
    ctx: RequestContext,
    name: string,
    changes: LoginIssuerChanges,
    expectedRevision?: number,
  ): Promise<LoginIssuerView> {
    refuseOtherThanName(name);
    this.access.authorize(ctx, issuerPath(name), 'update');
    if (changes.groupMappings) this.granting.assertMayMap(ctx, namesIn(changes.groupMappings));
    return this.database.transaction(ctx, async (tx) => {
      const old = await this.#lock(tx, name, expectedRevision);
      const { groupMappings, ...given } = changes;
      const settings = checked({ ...old, ...given });
      const mapping = groupMappings ?? (await this.#view(tx, old)).groupMappings;
      checkMapping(mapping, settings.groupsClaim);
      const groups = await this.#groups(tx, mapping);
      if (!onlyDisables(changes)) {
        this.granting.assertMayMap(tx, groups.keys());
        await this.granting.assertMayHave(tx, issuerPath(name), {
          ...settings,
          id: old.id,
          groups: [...groups.values()],
        });
      }
      const row = await this.issuers.update(tx, old.id, settings);
      if (groupMappings) {
        await this.issuers.map(tx, row.id, mapped(groupMappings, groups));
        await this.memberships.dropUnmapped(tx, row.id);
      }
      const revoked = row.isDisabled && !old.isDisabled ? await this.#endTokens(tx, row) : 0;
      const fields = Object.keys(changes).join(',');
      await this.#record(tx, 'update', row, { fields, groups: [...groups.keys()].join(','), revoked });
      await this.epoch.bump(tx);
      return this.#view(tx, row);
    });
  }

  /**
   * Those whom it logged in stay, without a way in of it and without the memberships that it gave; their tokens end.
   * @throws AppError ACCESS_DENIED, LOGIN_ISSUER_NOT_FOUND, STALE_MATCH
   */
  async remove(ctx: RequestContext, name: string, expectedRevision?: number): Promise<void> {
    refuseOtherThanName(name);
    this.access.authorize(ctx, issuerPath(name), 'delete');
    await this.database.transaction(ctx, async (tx) => {
      const row = await this.#lock(tx, name, expectedRevision);
      const revoked = await this.#endTokens(tx, row);
      await this.issuers.remove(tx, row.id);
      await this.#record(tx, 'delete', row, { revoked });
      await this.epoch.bump(tx);
    });
  }

  async #endTokens(tx: RequestContext, { id }: LoginIssuerEntity): Promise<number> {
    const linked = await this.identities.principalsOf(tx, id);
    return this.tokens.revokeOfPrincipals(
      tx,
      linked.map((principal) => principal.id),
    );
  }

  /** The groups of a mapping by name. @throws AppError INPUT_INVALID for one that is not there */
  async #groups(tx: RequestContext, mapping: readonly GroupMapping[]): Promise<ReadonlyMap<string, HeldGroup>> {
    const wanted = namesIn(mapping);
    const held = await this.memberships.holdNamed(tx, wanted);
    if (held.length < wanted.size) throw inputInvalid('groupMappings', 'there is no group of a name that is given');
    return new Map(held.map((group) => [group.name, group]));
  }

  async #lock(tx: RequestContext, name: string, expectedRevision?: number): Promise<LoginIssuerEntity> {
    const row = await this.issuers.lock(tx, name);
    if (!row) throw loginIssuerNotFound();
    if (expectedRevision !== undefined && expectedRevision !== row.revision) throw staleMatch(row.revision);
    return row;
  }

  async #record(tx: RequestContext, act: string, row: LoginIssuerEntity, details: AuditDetails): Promise<void> {
    const resource = { kind: 'login-issuer', id: row.id, name: row.name };
    const action = `login-issuer.${act}`;
    await this.audit.record(tx, this.audit.entry(tx, { action, outcome: 'allowed', resource, details }));
  }

  async #view(ctx: RequestContext, row: LoginIssuerEntity): Promise<LoginIssuerView> {
    return toView(row, (await this.issuers.mappingsOf(ctx, [row.id])).get(row.id)!);
  }
}

/** @throws AppError INPUT_INVALID for what cannot be a name, which is quoted nowhere */
function namesIn(mapping: readonly GroupMapping[]): ReadonlySet<string> {
  const names = new Set(mapping.map(({ group }) => group));
  if (![...names].every(isPrincipalName))
    throw inputInvalid('groupMappings', 'there is no group of a name that is given');
  return names;
}

/** The settings as they are kept. @throws AppError INPUT_INVALID */
function checked<S extends IssuerSettings>(settings: S): S {
  checkIssuer(settings);
  const { caCertificate } = settings;
  return { ...settings, caCertificate: caCertificate === null ? null : checkedCertificates(caCertificate) };
}

/** True for what only takes something away, which may be urgent. */
function onlyDisables(changes: LoginIssuerChanges): boolean {
  return changes.isDisabled === true && Object.keys(changes).length === 1;
}

function mapped(
  mapping: readonly GroupMapping[],
  groups: ReadonlyMap<string, HeldGroup>,
): { claimValue: string; groupId: string }[] {
  return mapping.map(({ value, group }) => ({ claimValue: value, groupId: groups.get(group)!.id }));
}

function toView({ storeId: _, ...row }: LoginIssuerEntity, mapping: readonly MappedGroup[]): LoginIssuerView {
  return {
    ...row,
    groupMappings: mapping.map(({ claimValue, groupName }) => ({ value: claimValue, group: groupName })),
  };
}

/** What cannot be a name is not quoted in any error or record: it may be something that was pasted by mistake. */
function refuseOtherThanName(text: string): void {
  if (!isPrincipalName(text)) throw loginIssuerNotFound();
}
