import { Inject, Injectable } from '@nestjs/common';
import { AppError, CLOCK, newId, type Clock, type RequestContext, type SecretValue } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { AccessEpoch } from './access-epoch.js';
import { policiesNotSubset, tokenInvalid, tokenNotFound, tokenNotRenewable } from './access.errors.js';
import { AccessService } from './access.service.js';
import { ROOT_POLICY } from './policy/index.js';
import type { TokenEntity } from './token.entity.js';
import { generateAccessor, generateToken } from './token-text.js';
import { TokenRepository } from './token.repository.js';

/** Vault's default and largest lease: 768 hours. */
export const MAX_TTL_SECONDS = 2_764_800;

export type NewToken = {
  /** Policies of the new token; those of the caller unless given. */
  readonly policies?: readonly string[];
  readonly displayName?: string;
  readonly ttlSeconds?: number;
  /** No renewal goes beyond this many seconds from now. */
  readonly maxTtlSeconds?: number;
  readonly isRenewable?: boolean;
  readonly uses?: number;
  /** True for a token that outlives the caller's own; needs sudo. */
  readonly isOrphan?: boolean;
};

/** A token as it is shown. */
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

/** Where creating tokens is judged; `sudo` there lifts the subset rule. */
const TOKENS = 'claviger/tokens/';

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

  /** A child of the caller's token. The token itself is in this answer and nowhere else. */
  async create(ctx: RequestContext, input: NewToken): Promise<{ token: SecretValue; view: TokenView }> {
    this.access.authorize(ctx, TOKENS, 'create');
    const policies = this.#grantable(ctx, input);
    return this.database.transaction(ctx, async (tx) => {
      const parent = await this.tokens.lock(tx, ctx.actor.id);
      if (!parent) throw tokenInvalid();
      const id = newId();
      const isRoot = policies.includes(ROOT_POLICY) && input.ttlSeconds === undefined;
      const isOrphan = input.isOrphan === true;
      const now = this.clock.now();
      const ttlSeconds = isRoot ? null : Math.min(input.ttlSeconds ?? MAX_TTL_SECONDS, MAX_TTL_SECONDS);
      const maxExpiresAt = earliest(after(now, input.maxTtlSeconds), isOrphan ? null : parent.maxExpiresAt);
      return this.#insert(tx, {
        id,
        parentId: isOrphan ? null : parent.id,
        rootId: isOrphan ? `token:${id}` : parent.rootId,
        displayName: input.displayName ?? ctx.actor.displayName,
        policies,
        ttlSeconds,
        maxExpiresAt,
        // A child never outlives its parent as it is now; both may be renewed.
        expiresAt: earliest(after(now, ttlSeconds ?? undefined), maxExpiresAt, isOrphan ? null : parent.expiresAt),
        isRenewable: (input.isRenewable ?? true) && ttlSeconds !== null,
        usesLeft: input.uses ?? null,
      });
    });
  }

  /** The first root token of an installation, or undefined when there are tokens already. In a transaction. */
  async createFirst(tx: RequestContext, hand: (token: SecretValue) => Promise<void>): Promise<boolean> {
    await this.database.manager(tx).query('select 1 from access_epoch for update');
    if (await this.tokens.exists(tx)) return false;
    await this.createRoot(tx, hand);
    return true;
  }

  /** A root token without a parent, handed over before it becomes valid. In a transaction. For offline recovery. */
  async createRoot(tx: RequestContext, hand: (token: SecretValue) => Promise<void>): Promise<void> {
    const id = newId();
    const { token } = await this.#insert(tx, {
      id,
      parentId: null,
      rootId: `token:${id}`,
      displayName: 'root',
      policies: [ROOT_POLICY],
      ttlSeconds: null,
      expiresAt: null,
      maxExpiresAt: null,
      isRenewable: false,
      usesLeft: null,
    });
    await hand(token);
  }

  /** The caller's own token. */
  async self(ctx: RequestContext): Promise<TokenView> {
    const row = await this.tokens.find(ctx, ctx.actor.id);
    if (!row) throw tokenInvalid();
    return toView(row);
  }

  async list(ctx: RequestContext, limit: number, after?: string): Promise<TokenView[]> {
    this.access.authorize(ctx, TOKENS, 'list');
    return (await this.tokens.list(ctx, limit, after)).map(toView);
  }

  async get(ctx: RequestContext, accessor: string): Promise<TokenView> {
    this.access.authorize(ctx, `${TOKENS}${accessor}`, 'read');
    return toView(await this.#byAccessor(ctx, accessor));
  }

  /** Gives a token its TTL anew, within its own limit and its parent's life. One's own needs no permission. */
  async renew(ctx: RequestContext, accessor: string, incrementSeconds?: number): Promise<TokenView> {
    if (accessor !== ctx.actor.accessor) this.access.authorize(ctx, `${TOKENS}${accessor}`, 'update');
    return this.database.transaction(ctx, async (tx) => {
      const { id } = await this.#byAccessor(tx, accessor);
      const row = await this.tokens.lock(tx, id);
      const now = this.clock.now();
      if (!row || (row.expiresAt && row.expiresAt <= now)) throw tokenNotFound();
      if (!row.isRenewable) throw tokenNotRenewable();
      const parent = row.parentId === null ? null : await this.tokens.find(tx, row.parentId);
      const ttl = Math.min(incrementSeconds ?? row.ttlSeconds ?? MAX_TTL_SECONDS, MAX_TTL_SECONDS);
      const expiresAt = earliest(after(now, ttl), row.maxExpiresAt, parent?.expiresAt ?? null);
      await this.tokens.update(tx, id, { expiresAt, renewedAt: now });
      await this.#record(tx, 'token.renew', row);
      if (row.expiresAt && expiresAt && expiresAt < row.expiresAt) {
        await this.#shortenDescendants(tx, id, expiresAt);
        // Nobody may go on honouring the longer life that he knows. (A longer one is asked for when the known one is over.)
        await this.epoch.bump(tx);
      }
      return toView({ ...row, expiresAt, renewedAt: now });
    });
  }

  /** Takes a token back, with all its descendants. One's own needs no permission. */
  async revoke(ctx: RequestContext, accessor: string): Promise<void> {
    if (accessor !== ctx.actor.accessor) this.access.authorize(ctx, `${TOKENS}${accessor}`, 'delete');
    await this.database.transaction(ctx, async (tx) => {
      const row = await this.#byAccessor(tx, accessor);
      await this.tokens.remove(tx, row.id);
      await this.#record(tx, 'token.revoke', row);
      await this.epoch.bump(tx);
    });
  }

  /** Removes what has expired or is used up. */
  removeEnded(ctx: RequestContext): Promise<number> {
    return this.tokens.removeEnded(ctx, this.clock.now());
  }

  async #insert(
    tx: RequestContext,
    row: Omit<
      TokenEntity,
      'storeId' | 'hash' | 'hashKeyId' | 'accessor' | 'createdAt' | 'renewedAt' | 'lastUsedAt' | 'lastUsedAddress'
    >,
  ): Promise<{ token: SecretValue; view: TokenView }> {
    const token = generateToken();
    const mac = this.keyring.mac(tx.storeId, 'access');
    const full: TokenEntity = {
      ...row,
      storeId: tx.storeId,
      hash: mac.hmac(token.reveal()),
      hashKeyId: mac.keyId,
      accessor: generateAccessor(),
      createdAt: this.clock.now(),
      renewedAt: null,
      lastUsedAt: null,
      lastUsedAddress: null,
    };
    await this.tokens.insert(tx, full);
    await this.#record(tx, 'token.create', full);
    return { token, view: toView(full) };
  }

  #grantable(ctx: RequestContext, input: NewToken): string[] {
    const own = ctx.actor.policies;
    const wanted = [...new Set(input.policies ?? own)].sort();
    if (wanted.length > 1 && wanted.includes(ROOT_POLICY))
      throw new AppError({
        code: 'ROOT_POLICY_ALONE',
        kind: 'invalid',
        message: 'The root policy cannot be combined with others.',
      });
    const isRoot = own.includes(ROOT_POLICY);
    const isFree = isRoot || (this.access.hasSudo(ctx, TOKENS) && !wanted.includes(ROOT_POLICY));
    if (!isFree && !wanted.every((name) => own.includes(name))) throw policiesNotSubset();
    if (input.isOrphan && !isRoot && !this.access.hasSudo(ctx, TOKENS)) throw policiesNotSubset();
    return wanted;
  }

  async #byAccessor(ctx: RequestContext, accessor: string): Promise<TokenEntity> {
    const row = await this.tokens.findByAccessor(ctx, accessor);
    if (!row) throw tokenNotFound();
    return row;
  }

  async #shortenDescendants(tx: RequestContext, id: string, expiresAt: Date): Promise<void> {
    await this.database.manager(tx).query(
      `with recursive family (id) as (
         select id from token where store_id = $1 and parent_id = $2
         union all select t.id from token t join family f on t.parent_id = f.id where t.store_id = $1)
       update token set expires_at = $3 from family where token.id = family.id and token.store_id = $1
         and (token.expires_at is null or token.expires_at > $3)`,
      [tx.storeId, id, expiresAt],
    );
  }

  async #record(tx: RequestContext, action: string, row: TokenEntity): Promise<void> {
    const resource = { kind: 'token', id: row.id, name: row.displayName };
    const details = { accessor: row.accessor, policies: row.policies.join(',') };
    await this.audit.record(tx, this.audit.entry(tx, { action, outcome: 'allowed', resource, details }));
  }
}

function toView(row: TokenEntity): TokenView {
  const {
    accessor,
    displayName,
    policies,
    ttlSeconds,
    expiresAt,
    isRenewable,
    usesLeft,
    createdAt,
    renewedAt,
    lastUsedAt,
    lastUsedAddress,
  } = row;
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

function after(now: Date, seconds: number | undefined): Date | null {
  return seconds === undefined ? null : new Date(now.getTime() + seconds * 1_000);
}

/** The earliest of some moments, of which null is never. */
function earliest(...moments: readonly (Date | null)[]): Date | null {
  const given = moments.filter((moment) => moment !== null).map((moment) => moment.getTime());
  return given.length === 0 ? null : new Date(Math.min(...given));
}
