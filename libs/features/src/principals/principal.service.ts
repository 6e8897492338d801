import type { PrincipalKind, RequestContext, SecretValue } from '@claviger/kernel';
import { AccessEpoch, AccessService, MAX_TTL_SECONDS, TokenService } from '@claviger/features/access';
import { AuditService, type AuditDetails } from '@claviger/features/audit';
import { Database } from '@claviger/platform/database';
import { Injectable } from '@nestjs/common';
import { Granting } from './granting.js';
import { GroupRepository } from './group.repository.js';
import { Lockouts } from './lockouts.js';
import { PasswordHasher } from './password-hasher.js';
import type { PrincipalEntity } from './principal.entity.js';
import { checkedPolicies, checkName, checkPassword, checkText, isPrincipalName } from './principal-input.policy.js';
import { PrincipalRepository } from './principal.repository.js';
import { currentPasswordRefused, inputInvalid, principalNotFound, staleMatch } from './principals.errors.js';

/** A user or service account as it is shown. */
export type PrincipalView = Pick<
  PrincipalEntity,
  | 'id'
  | 'name'
  | 'displayName'
  | 'policies'
  | 'isDisabled'
  | 'tokenTtlSeconds'
  | 'lockedUntil'
  | 'lastLoginAt'
  | 'revision'
  | 'createdAt'
  | 'updatedAt'
> & { readonly groups: readonly string[] };

export type NewPrincipal = {
  readonly name: string;
  readonly displayName?: string;
  readonly policies?: readonly string[];
  readonly tokenTtlSeconds?: number;
  /** Of a user; without one nobody can log in as that user yet. */
  readonly password?: SecretValue<string>;
};

export type PrincipalChanges = {
  readonly displayName?: string;
  readonly policies?: string[];
  readonly isDisabled?: boolean;
  /** Null for the usual time. */
  readonly tokenTtlSeconds?: number | null;
};

const RESOURCE = { user: 'users', 'service-account': 'service-accounts' } as const;

/** The path that permission for a principal is judged on. */
export function principalPath(kind: PrincipalKind, name: string): string {
  return `claviger/${RESOURCE[kind]}/${name}`;
}

/** Keeps users and service accounts. What is taken from them is gone in every process within a second. */
@Injectable()
export class PrincipalService {
  constructor(
    private readonly database: Database,
    private readonly principals: PrincipalRepository,
    private readonly groups: GroupRepository,
    private readonly granting: Granting,
    private readonly hasher: PasswordHasher,
    private readonly lockouts: Lockouts,
    private readonly access: AccessService,
    private readonly tokens: TokenService,
    private readonly epoch: AccessEpoch,
    private readonly audit: AuditService,
  ) {}

  /** By name, from the one after `after`. @throws AppError ACCESS_DENIED */
  async list(ctx: RequestContext, kind: PrincipalKind, limit: number, after?: string): Promise<PrincipalView[]> {
    this.access.authorize(ctx, principalPath(kind, ''), 'list');
    const rows = await this.principals.list(ctx, kind, limit, after);
    const groups = await this.groups.namesOf(
      ctx,
      rows.map(({ id }) => id),
    );
    return rows.map((row) => toView(row, groups.get(row.id)));
  }

  /** @throws AppError ACCESS_DENIED, PRINCIPAL_NOT_FOUND */
  async get(ctx: RequestContext, kind: PrincipalKind, name: string): Promise<PrincipalView> {
    refuseOtherThanName(kind, name);
    this.access.authorize(ctx, principalPath(kind, name), 'read');
    const row = await this.principals.find(ctx, kind, name);
    if (!row) throw principalNotFound(kind);
    return this.#view(ctx, row);
  }

  /** @throws AppError ACCESS_DENIED, INPUT_INVALID, POLICIES_EXCEED_OWN, PRINCIPAL_EXISTS, LOGIN_BUSY */
  async create(ctx: RequestContext, kind: PrincipalKind, wanted: NewPrincipal): Promise<PrincipalView> {
    const { name, password } = wanted;
    checkName(name);
    const path = principalPath(kind, name);
    this.access.authorize(ctx, path, 'create');
    const displayName = wanted.displayName ?? name;
    checkText('displayName', displayName);
    checkTtl(wanted.tokenTtlSeconds);
    if (password) checkPassword(password.reveal());
    const policies = checkedPolicies(wanted.policies ?? []);
    await this.granting.assertMayGive(ctx, path, policies);
    const passwordHash = password && (await this.hasher.hash(password));
    return this.database.transaction(ctx, async (tx) => {
      const row = await this.principals.insert(tx, {
        kind,
        name,
        displayName,
        policies,
        tokenTtlSeconds: wanted.tokenTtlSeconds ?? null,
      });
      if (passwordHash !== undefined) await this.principals.setPassword(tx, row.id, passwordHash);
      await this.#record(tx, 'create', row, { policies: policies.join(',') });
      return this.#view(tx, row);
    });
  }

  /** @throws AppError ACCESS_DENIED, INPUT_INVALID, PRINCIPAL_NOT_FOUND, POLICIES_EXCEED_OWN, STALE_MATCH */
  async update(
    ctx: RequestContext,
    kind: PrincipalKind,
    name: string,
    changes: PrincipalChanges,
    expectedRevision?: number,
  ): Promise<PrincipalView> {
    refuseOtherThanName(kind, name);
    const path = principalPath(kind, name);
    this.access.authorize(ctx, path, 'update');
    if (changes.displayName !== undefined) checkText('displayName', changes.displayName);
    checkTtl(changes.tokenTtlSeconds ?? undefined);
    const policies = changes.policies && checkedPolicies(changes.policies);
    return this.database.transaction(ctx, async (tx) => {
      const old = await this.#lock(tx, kind, name, expectedRevision);
      const added = (policies ?? []).filter((policy) => !old.policies.includes(policy));
      await this.granting.assertMayGive(tx, path, added);
      const row = await this.principals.update(tx, old.id, { ...changes, ...(policies && { policies }) });
      await this.#record(tx, 'update', row, {
        fields: Object.keys(changes).join(','),
        policies: row.policies.join(','),
      });
      await this.epoch.bump(tx);
      return this.#view(tx, row);
    });
  }

  /** Its tokens end with it. @throws AppError ACCESS_DENIED, PRINCIPAL_NOT_FOUND, STALE_MATCH */
  async remove(ctx: RequestContext, kind: PrincipalKind, name: string, expectedRevision?: number): Promise<void> {
    refuseOtherThanName(kind, name);
    this.access.authorize(ctx, principalPath(kind, name), 'delete');
    await this.database.transaction(ctx, async (tx) => {
      const row = await this.#lock(tx, kind, name, expectedRevision);
      await this.principals.remove(tx, row.id);
      await this.#record(tx, 'delete', row);
      await this.epoch.bump(tx);
    });
  }

  /**
   * Gives a user a new password, which ends the tokens that they have.
   * @throws AppError ACCESS_DENIED, INPUT_INVALID, PRINCIPAL_NOT_FOUND, POLICIES_EXCEED_OWN, LOGIN_BUSY
   */
  async setPassword(ctx: RequestContext, name: string, password: SecretValue<string>): Promise<void> {
    refuseOtherThanName('user', name);
    const path = principalPath('user', name);
    this.access.authorize(ctx, path, 'update');
    checkPassword(password.reveal());
    const user = await this.principals.find(ctx, 'user', name);
    if (!user) throw principalNotFound('user');
    await this.granting.assertMayBecome(ctx, path, user);
    const passwordHash = await this.hasher.hash(password);
    await this.database.transaction(ctx, async (tx) => {
      const row = await this.#lock(tx, 'user', name);
      // Once more: it may have got more in the meantime.
      await this.granting.assertMayBecome(tx, path, row);
      await this.#storePassword(tx, row, passwordHash);
    });
  }

  /**
   * Changes one's own password, which needs no permission but the old one, and ends one's other tokens. A wrong old one
   * counts as a wrong log-in does: who has stolen a token must not find out the password with it.
   * @throws AppError PRINCIPAL_NOT_FOUND (the token is no user's), CURRENT_PASSWORD_REFUSED, INPUT_INVALID, LOGIN_BUSY
   */
  async changeOwnPassword(
    ctx: RequestContext,
    current: SecretValue<string>,
    password: SecretValue<string>,
  ): Promise<void> {
    const { principal } = ctx.actor;
    if (principal?.kind !== 'user') throw principalNotFound('user');
    checkPassword(password.reveal());
    const user = await this.principals.findWithPassword(ctx, principal.name);
    const isRight = await this.hasher.verify(user?.passwordHash ?? null, current);
    const passwordHash = await this.hasher.hash(password);
    const isStored = await this.database.transaction(ctx, async (tx) => {
      // Others may have tried or changed it meanwhile: what counts is the row as it is now.
      const row = await this.#lock(tx, 'user', principal.name);
      if (row.id !== principal.id || this.lockouts.isLocked(row)) return false;
      if (!isRight) {
        await this.lockouts.noteFailure(tx, row);
        return false;
      }
      const now = await this.principals.findWithPassword(tx, row.name);
      if (now?.passwordHash !== user?.passwordHash) return false;
      await this.#storePassword(tx, row, passwordHash);
      return true;
    });
    if (!isStored) throw currentPasswordRefused();
  }

  async #storePassword(tx: RequestContext, user: PrincipalEntity, passwordHash: string): Promise<void> {
    await this.principals.setPassword(tx, user.id, passwordHash);
    const revoked = await this.tokens.revokeOfPrincipal(tx, user.id, tx.actor.id);
    await this.#record(tx, 'set-password', user, { revoked });
  }

  async #lock(tx: RequestContext, kind: PrincipalKind, name: string, revision?: number): Promise<PrincipalEntity> {
    const row = await this.principals.lock(tx, kind, name);
    if (!row) throw principalNotFound(kind);
    if (revision !== undefined && revision !== row.revision) throw staleMatch(row.revision);
    return row;
  }

  async #record(tx: RequestContext, act: string, row: PrincipalEntity, details: AuditDetails = {}): Promise<void> {
    const resource = { kind: row.kind, id: row.id, name: row.name };
    const entry = this.audit.entry(tx, { action: `${row.kind}.${act}`, outcome: 'allowed', resource, details });
    await this.audit.record(tx, entry);
  }

  async #view(ctx: RequestContext, row: PrincipalEntity): Promise<PrincipalView> {
    return toView(row, (await this.groups.namesOf(ctx, [row.id])).get(row.id));
  }
}

function toView(row: PrincipalEntity, groups: readonly string[] = []): PrincipalView {
  const { id, name, displayName, policies, isDisabled, tokenTtlSeconds } = row;
  const { lockedUntil, lastLoginAt, revision, createdAt, updatedAt } = row;
  return {
    id,
    name,
    displayName,
    policies,
    groups,
    isDisabled,
    tokenTtlSeconds,
    lockedUntil,
    lastLoginAt,
    revision,
    createdAt,
    updatedAt,
  };
}

function checkTtl(seconds: number | undefined): void {
  if (seconds === undefined || (Number.isSafeInteger(seconds) && seconds >= 1 && seconds <= MAX_TTL_SECONDS)) return;
  throw inputInvalid('tokenTtlSeconds', `a whole number from 1 to ${MAX_TTL_SECONDS} is allowed`);
}

/** What cannot be a name is not quoted in any error or record: it may be something that was pasted by mistake. */
function refuseOtherThanName(kind: PrincipalKind, text: string): void {
  if (!isPrincipalName(text)) throw principalNotFound(kind);
}
