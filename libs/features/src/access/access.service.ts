import { hash, timingSafeEqual } from 'node:crypto';
import {
  type Actor,
  BoundedCache,
  CLOCK,
  type Clock,
  type PrincipalRef,
  type RequestContext,
  type SecretValue,
} from '@claviger/kernel';
import { Keyring } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { Inject, Injectable } from '@nestjs/common';
import { AccessEpoch } from './access-epoch.js';
import { accessDenied, tokenInvalid } from './access.errors.js';
import { FROM_DATABASE, FROM_MEMORY, TOKENS_KNOWN } from './access.metrics.js';
import { FIND_TOKEN, FIND_TOKEN_BY_ID, SPEND_USE, type FoundPrincipal, type FoundToken } from './access.hot.js';
import { PolicyLibrary } from './policy-library.js';
import { isRootProtected, type MatchResult, type Operation, type PolicyMatcher } from './policy/index.js';
import { isTokenText } from './token-text.js';
import { TokenUses } from './token-uses.js';

/** Most tokens kept in memory. */
const CAPACITY = 20_000;

type KnownToken = {
  readonly actor: Actor;
  /** When the token, one that it descends from, or a part of its policies ends. */
  readonly endsAtMs: number;
};

/**
 * Says who a caller is and what they may do, from memory. What is remembered is believed only while it is known that
 * nothing was taken back within the last second ({@link AccessEpoch}); else every answer is read from the database.
 */
@Injectable()
export class AccessService {
  /** By {@link memoryKey}. */
  readonly #tokens = new BoundedCache<string, KnownToken>(CAPACITY);
  /** What each caller's token grants, found once when it was authenticated. */
  readonly #grants = new WeakMap<Actor, PolicyMatcher>();

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly epoch: AccessEpoch,
    private readonly library: PolicyLibrary,
    private readonly uses: TokenUses,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    epoch.onFlush(() => {
      this.#tokens.clear();
      TOKENS_KNOWN.of({}).set(0);
    });
  }

  /**
   * Who holds this token. The address is remembered as where it was used last. Takes one use of a limited token.
   * @throws AppError TOKEN_INVALID, whatever is wrong with it; POLICY_UNREADABLE
   */
  async authenticate(token: SecretValue, remoteAddress?: string): Promise<Actor> {
    const text = token.reveal();
    if (!isTokenText(text)) throw tokenInvalid();
    const storeId = this.keyring.rootStoreId;
    const key = memoryKey(text);
    const actor = this.#findKnown(key) ?? (await this.#load(storeId, key, text));
    this.uses.note(storeId, actor.id, remoteAddress);
    return actor;
  }

  /**
   * Who holds the token of that id, as they are now: for going on with what that token asked for. Read from the database
   * each time, so that a token that was revoked does nothing more. Takes no use: the request has taken its own.
   * @throws AppError TOKEN_INVALID, POLICY_UNREADABLE
   */
  async actAs(storeId: string, tokenId: string): Promise<Actor> {
    const { rows } = await this.database.execute<FoundToken>(undefined, FIND_TOKEN_BY_ID, [storeId, tokenId]);
    const [row] = rows;
    if (!row || row.principal?.isDisabled || this.#hasEnded(row)) throw tokenInvalid();
    const actor = actorOf(row);
    this.#grants.set(actor, await this.library.matcher(storeId, actor.policies, actor.principal));
    return actor;
  }

  /**
   * True when the caller's policies grant the operation on the path, and `sudo` too where it is root-protected. Paths of
   * lists end with `/`. Claviger's own jobs may do everything. What depends on more than path and operation is refused:
   * rules with conditions on parameters, and lists that are to be filtered.
   */
  can(ctx: RequestContext, path: string, operation: Operation): boolean {
    if (ctx.actor.type === 'system') return true;
    const isAllowed = isGranted(this.#matcher(ctx.actor), path, operation);
    if (isAllowed) ctx.attempt?.granted.add(`${operation} ${path}`);
    return isAllowed;
  }

  /** @throws AppError ACCESS_DENIED when {@link can} says no; it quotes the path, which the caller must know already. */
  authorize(ctx: RequestContext, path: string, operation: Operation): void {
    if (!this.can(ctx, path, operation)) throw accessDenied(path, operation);
  }

  /**
   * Whether somebody with these policies may do all of this now: for what is done in the name of one who is not asking at
   * the moment. What depends on more than path and operation is refused, as in {@link can}.
   */
  async couldAll(
    { storeId }: RequestContext,
    policies: readonly string[],
    principal: PrincipalRef,
    needs: readonly { readonly path: string; readonly operation: Operation }[],
  ): Promise<boolean> {
    const matcher = await this.library.matcher(storeId, policies, principal);
    return needs.every(({ path, operation }) => isGranted(matcher, path, operation));
  }

  /** True when the caller has `sudo` on the path. */
  hasSudo(ctx: RequestContext, path: string): boolean {
    if (ctx.actor.type === 'system') return true;
    return this.#matcher(ctx.actor).match(path, 'update').capabilities.includes('sudo');
  }

  #findKnown(key: string): Actor | undefined {
    if (!this.epoch.isCurrent()) return undefined;
    const known = this.#tokens.get(key);
    if (!known || this.clock.now().getTime() >= known.endsAtMs) return undefined;
    FROM_MEMORY.add();
    return known.actor;
  }

  async #load(storeId: string, key: string, text: string): Promise<Actor> {
    this.epoch.start();
    FROM_DATABASE.add();
    const { generation } = this.epoch;
    const keyedHash = this.keyring.mac(storeId, 'access').hmac(text);
    const { rows } = await this.database.execute<FoundToken>(undefined, FIND_TOKEN, [storeId, keyedHash]);
    const [row] = rows;
    if (!row || !timingSafeEqual(row.hash, keyedHash) || row.principal?.isDisabled || this.#hasEnded(row))
      throw tokenInvalid();
    if (row.uses_left !== null) await this.#spendUse(storeId, row.id);
    const actor = actorOf(row);
    const matcher = await this.library.matcher(storeId, actor.policies, actor.principal);
    this.#grants.set(actor, matcher);
    // A change that was committed while this was read has raised the generation, or will empty the memory.
    if (row.uses_left === null && generation === this.epoch.generation) {
      this.#tokens.set(key, { actor, endsAtMs: endOf(row, matcher) });
      TOKENS_KNOWN.of({}).set(this.#tokens.size);
    }
    return actor;
  }

  #hasEnded(row: FoundToken): boolean {
    const now = this.clock.now();
    return [row.expires_at, row.lineage_expires_at].some((end) => end !== null && end <= now);
  }

  async #spendUse(storeId: string, id: string): Promise<void> {
    const { rows } = await this.database.execute(undefined, SPEND_USE, [storeId, id]);
    if (rows.length === 0) throw tokenInvalid();
  }

  /** An actor that was not authenticated here has what its ready policies grant. */
  #matcher(actor: Actor): PolicyMatcher {
    return this.#grants.get(actor) ?? this.library.readyMatcher(actor.policies);
  }
}

function isGranted(matcher: PolicyMatcher, path: string, operation: Operation): boolean {
  const result = matcher.match(path, operation);
  if (!result.allowed || mustBeFiltered(result, operation)) return false;
  return !isRootProtected(path) || result.capabilities.includes('sudo');
}

function mustBeFiltered({ rule }: MatchResult, operation: Operation): boolean {
  return (operation === 'list' || operation === 'scan') && rule !== undefined && rule.listFilters.length > 0;
}

/**
 * What a token is remembered by: not its text, which would lie in memory longer than its request. It needs no key as the
 * hash at rest does, because nobody guesses 256 random bits; and a difference of time tells only about the digest.
 */
function memoryKey(text: string): string {
  return hash('sha256', text, 'base64url');
}

function actorOf(row: FoundToken): Actor {
  const { principal } = row;
  return Object.freeze({
    type: 'token' as const,
    id: row.id,
    accessor: row.accessor,
    displayName: row.display_name,
    policies: Object.freeze(policiesOf(row)),
    rootId: principal ? `${principal.kind}:${principal.id}` : `token:${row.ancestors[0] ?? row.id}`,
    ...(principal && { principal: refOf(principal) }),
  });
}

/** The token of a log-in has what its principal has, now; what descends from it has what it was given. */
function policiesOf({ ancestors, policies, principal }: FoundToken): string[] {
  if (!principal || ancestors.length > 0) return [...policies];
  return [...new Set([...principal.policies, ...principal.groups.flatMap((group) => group.policies)])].sort();
}

function refOf({ id, kind, name, groups }: FoundPrincipal): PrincipalRef {
  return Object.freeze({ id, kind, name, groups: groups.map((group) => ({ id: group.id, name: group.name })) });
}

function endOf(row: FoundToken, matcher: PolicyMatcher): number {
  const ends = [row.expires_at, row.lineage_expires_at, matcher.validUntil];
  return Math.min(...ends.map((end) => end?.getTime() ?? Number.POSITIVE_INFINITY));
}
