import { CLOCK, newId, type Clock, type RequestContext, type SecretValue } from '@claviger/kernel';
import { AuditService, type AuditDetails } from '@claviger/features/audit';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { Inject, Injectable } from '@nestjs/common';
import { AccessEpoch } from './access-epoch.js';
import { tokenInvalid, tokenNotFound } from './access.errors.js';
import { AccessService } from './access.service.js';
import { isAccessor, newAccessor, newTokenText } from './token-text.js';
import { FIRST_ROOT_TOKEN, grantToken, renewedExpiry, type NewToken, type TokenGrant } from './token-grant.policy.js';
import type { TokenEntity } from './token.entity.js';
import { TokenRepository } from './token.repository.js';

const REMOVE_AT_ONCE = 1_000;

/** Where making tokens is judged; `sudo` there lifts the rule that policies must be among one's own. */
const TOKENS = 'claviger/tokens/';

/** A token as it is shown: never its text, nor anything made of it. */
export type TokenView = Pick<
  TokenEntity,
  | 'accessor'
  | 'displayName'
  | 'policies'
  | 'ttlSeconds'
  | 'expiresAt'
  | 'isRenewable'
  | 'usesLeft'
  | 'createdAt'
  | 'renewedAt'
  | 'lastUsedAt'
  | 'lastUsedAddress'
> & { readonly isOrphan: boolean };

/** A new token; its text is in this answer and nowhere else. */
export type IssuedToken = { readonly token: SecretValue; readonly view: TokenView };

/** For whom a log-in makes a token. */
export type LoginGrant = {
  readonly principalId: string;
  readonly displayName: string;
  readonly ttlSeconds: number;
  readonly isRenewable: boolean;
  /** Null for another way than by a login issuer. */
  readonly loginIssuerId: string | null;
  /** The user who made what a service account logged in with, where it is known. */
  readonly sponsorId: string | null;
};

/** Makes, renews and takes back tokens. */
@Injectable()
export class TokenService {
  constructor(
    private readonly database: Database,
    private readonly tokens: TokenRepository,
    private readonly access: AccessService,
    private readonly epoch: AccessEpoch,
    private readonly keyring: Keyring,
    private readonly audit: AuditService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Makes a child of the caller's token, or an orphan. A child ends with any of those that it descends from.
   * @throws AppError ACCESS_DENIED, TOKEN_INVALID, and as {@link grantToken}
   */
  async create(ctx: RequestContext, wanted: NewToken): Promise<IssuedToken> {
    this.access.authorize(ctx, TOKENS, 'create');
    const hasSudo = this.access.hasSudo(ctx, TOKENS);
    return this.database.transaction(ctx, async (tx) => {
      const parent = await this.tokens.holdParent(tx, ctx.actor.id, this.clock.now());
      if (!parent) throw tokenInvalid();
      return this.#issue(tx, grantToken(wanted, { ...parent, policies: ctx.actor.policies, hasSudo }));
    });
  }

  /**
   * Makes the first root token of an installation, unless there are tokens already. `hand` gives it to its owner before
   * it becomes valid: when that fails there is no token. In a transaction.
   * @returns whether it was made
   */
  async createFirst(tx: RequestContext, hand: (token: SecretValue) => Promise<void>): Promise<boolean> {
    // Of two processes that start at once, one makes the token.
    await this.epoch.hold(tx);
    if (await this.tokens.existsAny(tx)) return false;
    await this.createRoot(tx, hand);
    return true;
  }

  /** Makes a root token that never ends, for recovery by who holds the root key. In a transaction; `hand` as above. */
  async createRoot(tx: RequestContext, hand: (token: SecretValue) => Promise<void>): Promise<void> {
    const { token } = await this.#issue(tx, FIRST_ROOT_TOKEN);
    await hand(token);
  }

  /**
   * Makes the token of somebody who has logged in: it has no policies of its own, but at each moment those of its
   * principal. In a transaction.
   */
  async createForPrincipal(tx: RequestContext, login: LoginGrant): Promise<IssuedToken> {
    return this.#issue(tx, {
      parentId: null,
      ancestors: [],
      principalId: login.principalId,
      loginIssuerId: login.loginIssuerId,
      sponsorId: login.sponsorId,
      displayName: login.displayName,
      policies: [],
      ttlSeconds: login.ttlSeconds,
      maxTtlSeconds: null,
      isRenewable: login.isRenewable,
      maxUses: null,
    });
  }

  /**
   * Takes back all tokens of a principal but one, and what that one descends from. In a transaction.
   * @returns how many log-ins have ended
   */
  async revokeOfPrincipal(tx: RequestContext, principalId: string, exceptId: string): Promise<number> {
    const except = await this.tokens.find(tx, { id: exceptId }, this.clock.now());
    const count = await this.tokens.removeOfPrincipal(tx, principalId, except?.ancestors[0] ?? exceptId);
    await this.epoch.bump(tx);
    return count;
  }

  /** Takes back all tokens of some principals. In a transaction. @returns how many log-ins have ended */
  async revokeOfPrincipals(tx: RequestContext, principalIds: readonly string[]): Promise<number> {
    const count = await this.tokens.removeOfPrincipals(tx, principalIds);
    await this.epoch.bump(tx);
    return count;
  }

  /**
   * The id of the user who stands behind the caller: themselves, or who made the token or the credential that is used.
   * Undefined where nobody is known, as for a first root token.
   */
  async findSponsor(ctx: RequestContext): Promise<string | undefined> {
    const { type, id, principal } = ctx.actor;
    if (principal?.kind === 'user') return principal.id;
    if (type === 'system') return undefined;
    return (await this.tokens.find(ctx, { id }, this.clock.now()))?.sponsorId ?? undefined;
  }

  /** The caller's own token, which needs no permission. @throws AppError TOKEN_INVALID */
  async self(ctx: RequestContext): Promise<TokenView> {
    const row = await this.tokens.find(ctx, { id: ctx.actor.id }, this.clock.now());
    if (!row) throw tokenInvalid();
    return toView(row);
  }

  /** By accessor, from the one after `after`. @throws AppError ACCESS_DENIED */
  async list(ctx: RequestContext, limit: number, after?: string): Promise<TokenView[]> {
    this.access.authorize(ctx, TOKENS, 'list');
    const page = { limit, ...(after !== undefined && { after }) };
    return (await this.tokens.list(ctx, page, this.clock.now())).map(toView);
  }

  /** @throws AppError ACCESS_DENIED, TOKEN_NOT_FOUND */
  async get(ctx: RequestContext, accessor: string): Promise<TokenView> {
    refuseOtherThanAccessor(accessor);
    this.access.authorize(ctx, `${TOKENS}${accessor}`, 'read');
    const row = await this.tokens.find(ctx, { accessor }, this.clock.now());
    if (!row) throw tokenNotFound();
    return toView(row);
  }

  /**
   * Lets a token live its TTL anew, or `incrementSeconds`, within its maximum. One's own needs no permission.
   * @throws AppError ACCESS_DENIED, TOKEN_NOT_FOUND, TOKEN_NOT_RENEWABLE, INPUT_INVALID
   */
  async renew(ctx: RequestContext, accessor: string, incrementSeconds?: number): Promise<TokenView> {
    this.#authorizeUnlessOwn(ctx, accessor, 'update');
    return this.database.transaction(ctx, async (tx) => {
      const now = this.clock.now();
      const row = await this.#lock(tx, accessor);
      const expiresAt = renewedExpiry(row, now, incrementSeconds);
      await this.tokens.renew(tx, row.id, expiresAt, now);
      await this.#record(tx, 'token.renew', row, { expiresAt: expiresAt.toISOString() });
      // A longer life is asked for when the remembered one is over; a shorter one nobody would ask for.
      if (row.expiresAt && expiresAt < row.expiresAt) await this.epoch.bump(tx);
      return toView({ ...row, expiresAt, renewedAt: now });
    });
  }

  /**
   * Takes a token back, with all its descendants: every process refuses them within a second. One's own needs no
   * permission.
   * @throws AppError ACCESS_DENIED, TOKEN_NOT_FOUND
   */
  async revoke(ctx: RequestContext, accessor: string): Promise<void> {
    this.#authorizeUnlessOwn(ctx, accessor, 'delete');
    await this.database.transaction(ctx, async (tx) => {
      const row = await this.#lock(tx, accessor);
      const descendants = await this.tokens.countDescendants(tx, row.id);
      await this.tokens.remove(tx, row.id);
      await this.#record(tx, 'token.revoke', row, { descendants });
      await this.epoch.bump(tx);
    });
  }

  /** Removes what has expired or is used up, which nobody could use any more. Returns how many. */
  async removeEnded(ctx: RequestContext): Promise<number> {
    let removed = 0;
    for (let more = true; more && !ctx.signal?.aborted;) {
      const count = await this.tokens.removeEnded(ctx, this.clock.now(), REMOVE_AT_ONCE);
      removed += count;
      more = count === REMOVE_AT_ONCE;
    }
    return removed;
  }

  async #issue(tx: RequestContext, grant: TokenGrant): Promise<IssuedToken> {
    const token = newTokenText();
    const mac = this.keyring.mac(tx.storeId, 'access');
    const now = this.clock.now();
    const row = {
      ...grant,
      id: newId(now.getTime()),
      accessor: newAccessor(),
      expiresAt: grant.ttlSeconds === null ? null : new Date(now.getTime() + grant.ttlSeconds * 1000),
      usesLeft: grant.maxUses,
      createdAt: now,
      renewedAt: null,
      lastUsedAt: null,
      lastUsedAddress: null,
    };
    await this.tokens.insert(tx, { ...row, hash: mac.hmac(token.reveal()), hashKeyId: mac.keyId });
    await this.#record(tx, 'token.create', row, { isOrphan: row.parentId === null });
    return { token, view: toView(row) };
  }

  #authorizeUnlessOwn(ctx: RequestContext, accessor: string, operation: 'update' | 'delete'): void {
    refuseOtherThanAccessor(accessor);
    if (accessor !== ctx.actor.accessor) this.access.authorize(ctx, `${TOKENS}${accessor}`, operation);
  }

  async #lock(tx: RequestContext, accessor: string): Promise<TokenEntity> {
    const row = await this.tokens.lock(tx, { accessor }, this.clock.now());
    if (!row) throw tokenNotFound();
    return row;
  }

  async #record(tx: RequestContext, action: string, row: RecordedToken, more: AuditDetails): Promise<void> {
    const resource = { kind: 'token', id: row.id, name: row.displayName };
    const details = { accessor: row.accessor, policies: row.policies.join(','), ...more };
    await this.audit.record(tx, this.audit.entry(tx, { action, outcome: 'allowed', resource, details }));
  }
}

type RecordedToken = Pick<TokenEntity, 'id' | 'accessor' | 'displayName' | 'policies'>;

/** A token that is sent by mistake where an accessor belongs must not get into an error, the audit log or a statement. */
function refuseOtherThanAccessor(text: string): void {
  if (!isAccessor(text)) throw tokenNotFound();
}

function toView(row: Omit<TokenView, 'isOrphan'> & { readonly parentId: string | null }): TokenView {
  const { accessor, displayName, policies, ttlSeconds, expiresAt, isRenewable, usesLeft } = row;
  const { createdAt, renewedAt, lastUsedAt, lastUsedAddress } = row;
  return {
    accessor,
    displayName,
    policies,
    ttlSeconds,
    expiresAt,
    isRenewable,
    isOrphan: row.parentId === null,
    usesLeft,
    createdAt,
    renewedAt,
    lastUsedAt,
    lastUsedAddress,
  };
}
