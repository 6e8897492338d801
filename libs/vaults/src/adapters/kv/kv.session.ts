import { newId, SecretValue, type Clock } from '@claviger/kernel';
import { isVaultError, type AdapterCall, type VaultError } from '@claviger/vaults/contract';
import type { KvClient } from './kv.client.js';
import { answerError, errorTexts, kvError } from './kv.errors.js';
import { givenGrant, loginRequest, parseGrant, type Grant } from './kv.login.js';
import { vaultPath } from './kv.path.js';
import { LoginBackoff } from './kv.login-backoff.js';
import { keepRenewing } from './kv.renewal.js';
import type { KvCredentials } from './kv.settings.js';
import type { KvAnswer, KvTask } from './kv.wire.js';
import { cancelled } from './kv.wire-errors.js';
import { SharedFlight } from './shared-flight.js';

/** Requests that no caller waits for end after this, so that a silent server cannot hold them for ever. */
const BACKGROUND_LIMIT_MS = 30_000;
const GOODBYE_LIMIT_MS = 2_000;
/** A token that cannot look itself up gives no proof that it is void: then a new login is tried this often at most. */
const UNPROVEN_LOGIN_INTERVAL_MS = 30_000;
const RENEWAL = { method: 'POST', path: vaultPath('auth/token/renew-self') } as const;
const VOID_TOKEN = 'the token is void (wrong, expired or revoked); give a new one';

/**
 * The login of one connection, shared by all its calls: one login at a time however many calls wait for it, renewal when
 * two thirds of a renewable token's life are over, a new login when it is due or the token turns out void. Credentials
 * that were refused are not presented again before a pause that doubles each time; meanwhile calls are refused from memory.
 */
export class KvSession {
  readonly #client: KvClient;
  readonly #credentials: SecretValue<KvCredentials>;
  readonly #clock: Clock;
  readonly #address: string;
  readonly #backoff: LoginBackoff;
  readonly #logins = new SharedFlight<Grant>();
  readonly #doubts = new SharedFlight<'good' | 'replaced'>();
  readonly #closing = new AbortController();
  #grant: Grant | undefined;
  #renewal: AbortController | undefined;
  #nextUnprovenLoginMs = 0;
  #hasSucceeded = false;
  #hasLookedUp = false;

  constructor(init: {
    readonly client: KvClient;
    readonly credentials: SecretValue<KvCredentials>;
    readonly clock: Clock;
    readonly address: string;
  }) {
    this.#client = init.client;
    this.#credentials = init.credentials;
    this.#clock = init.clock;
    this.#address = init.address;
    this.#backoff = new LoginBackoff(init.clock);
  }

  /**
   * A token to use now. With `insist` credentials refused a moment ago are presented once more.
   * @throws VaultError UNAUTHENTICATED, or whatever kept the login from being answered
   */
  async grant(task: KvTask, options: { readonly insist?: boolean } = {}): Promise<Grant> {
    if (options.insist) this.#backoff.forget();
    const held = this.#held();
    if (held && this.#now() < (held.dueAtMs ?? Infinity)) return held;
    try {
      this.#backoff.refuse(task);
      return await this.#join(this.#logins, task, (signal) => this.#logIn(this.#own(task, signal)));
    } catch (error) {
      // A login was due, but the old token is still good for the rest of its life.
      if (held && this.#held() === held && !task.call.signal.aborted) return held;
      throw error;
    }
  }

  /** A request with the session's token was answered as only a good token is. */
  succeeded(): void {
    this.#hasSucceeded = true;
  }

  /**
   * A request with this token was refused (403). That may be the policy or the token, so the server is asked.
   * @returns the token to repeat the request with, or undefined when the token is good and the refusal stands
   * @throws VaultError UNAUTHENTICATED when the token is void and there is nothing to log in with
   */
  async replace(task: KvTask, refused: Grant, mount?: string): Promise<Grant | undefined> {
    if (this.#grant?.token === refused.token) {
      const doubt = await this.#join(this.#doubts, task, (signal) =>
        this.#judge(this.#own(task, signal), refused, mount),
      );
      if (doubt === 'good') return undefined;
    }
    return this.grant(task);
  }

  /** Stops renewing, and gives a token that we logged in for back to the server, as far as it listens. */
  async close(): Promise<void> {
    const grant = this.#grant;
    this.#grant = undefined;
    this.#closing.abort(new Error('the connection is closed'));
    if (!grant || this.#credentials.reveal().type === 'token') return;
    const task = this.#background('revoke', GOODBYE_LIMIT_MS);
    const revocation = { method: 'POST', path: vaultPath('auth/token/revoke-self') } as const;
    await this.#client.send(task, revocation, grant.token).catch(() => undefined);
  }

  async #logIn(task: KvTask): Promise<Grant> {
    const credentials = this.#credentials.reveal();
    if (credentials.type === 'token') return this.#adopt(task, new SecretValue(credentials.token));
    const request = loginRequest(credentials);
    const answer = await this.#client.send(task, request);
    const grant = answer.status === 200 ? parseGrant(answer, this.#now()) : undefined;
    if (grant) {
      this.#backoff.forget();
      return this.#keep(grant);
    }
    throw this.#loginError(task, answer);
  }

  /** Takes a token that was given to us, and learns its life where it may look itself up. */
  async #adopt(task: KvTask, token: SecretValue<string>): Promise<Grant> {
    const lookup = await this.#lookUp(task, token);
    if (lookup.status !== 200 && !isRefusal(lookup)) throw answerError(task, lookup);
    const grant = givenGrant(token, lookup, this.#now());
    if (this.#hasLookedUp && !grant.looksItselfUp) throw this.#backoff.remember(task, VOID_TOKEN);
    this.#hasLookedUp = grant.looksItselfUp;
    if (grant.looksItselfUp) this.#backoff.forget();
    // One that may not look itself up can still be good: its first use will tell.
    return this.#keep(grant);
  }

  /** A vault refuses a login with 400 as well as with 403, and an unknown auth path with 403 or 404. */
  #loginError(task: KvTask, answer: KvAnswer): VaultError {
    const error = answerError(task, answer);
    const isVault = errorTexts(answer) !== undefined;
    if (isVault && [400, 401, 403].includes(answer.status) && !isVaultError(error, 'UNAVAILABLE')) {
      return this.#backoff.remember(task, 'the vault refuses the login; check the credentials and the auth path');
    }
    if (isVault && answer.status === 404) {
      const says = 'the vault knows no such auth method or namespace; check auth path and namespace';
      return kvError(task, 'MISCONFIGURED', says, { httpStatus: 404 });
    }
    if (answer.status === 200) return kvError(task, 'MISCONFIGURED', 'the login gave no token; check the auth path');
    return error;
  }

  async #judge(task: KvTask, refused: Grant, mount: string | undefined): Promise<'good' | 'replaced'> {
    const verdict = await this.#examine(task, refused, mount);
    if (verdict === 'good') return 'good';
    if (this.#credentials.reveal().type === 'token') {
      if (verdict === 'unproven' && this.#hasSucceeded) throw kvError(task, 'UNAUTHENTICATED', VOID_TOKEN);
      this.#drop();
      throw this.#backoff.remember(task, VOID_TOKEN);
    }
    if (verdict === 'unproven') {
      if (this.#now() < this.#nextUnprovenLoginMs) return 'good';
      this.#nextUnprovenLoginMs = this.#now() + UNPROVEN_LOGIN_INTERVAL_MS;
    }
    if (this.#grant?.token === refused.token) this.#drop();
    return 'replaced';
  }

  async #examine(task: KvTask, { token, looksItselfUp }: Grant, mount?: string): Promise<'good' | 'void' | 'unproven'> {
    const lookup = await this.#lookUp(task, token);
    if (lookup.status === 200) return 'good';
    if (!isRefusal(lookup)) throw answerError(task, lookup);
    if (looksItselfUp) return 'void';
    if (mount === undefined) return 'unproven';
    // Answered to any good token that has some right below the mount, without the default policy.
    const path = vaultPath('sys/internal/ui/mounts', mount);
    const preflight = await this.#client.send(task, { method: 'GET', path }, token);
    return preflight.status === 200 ? 'good' : 'unproven';
  }

  #lookUp(task: KvTask, token: SecretValue<string>): Promise<KvAnswer> {
    return this.#client.send(task, { method: 'GET', path: vaultPath('auth/token/lookup-self') }, token);
  }

  #keep(grant: Grant): Grant {
    this.#drop();
    if (this.#closing.signal.aborted) return grant;
    this.#grant = grant;
    this.#renewal = new AbortController();
    if (grant.renewable && grant.ttlMs > 0) {
      const signal = AbortSignal.any([this.#renewal.signal, this.#closing.signal]);
      // Ends by the signal, or when there is nothing left to renew.
      keepRenewing({
        grant,
        signal,
        clock: this.#clock,
        renew: (held) => this.#client.send(this.#background('renew', BACKGROUND_LIMIT_MS), RENEWAL, held.token),
        keep: (renewed) => {
          this.#grant = renewed;
        },
      }).catch(() => undefined);
    }
    return grant;
  }

  #drop(): void {
    this.#grant = undefined;
    this.#renewal?.abort(new Error('the token was replaced'));
  }

  async #join<T>(flight: SharedFlight<T>, task: KvTask, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await flight.join(task.call.signal, work);
    } catch (error) {
      if (isVaultError(error) && !isVaultError(error, 'CANCELLED')) throw error;
      if (task.call.signal.aborted) throw cancelled(task, false);
      throw this.#closing.signal.aborted ? kvError(task, 'UNAVAILABLE', 'the connection was closed') : error;
    }
  }

  /** The task of a login that many callers wait for: named after the first, ended by none of them alone. */
  #own(task: KvTask, signal: AbortSignal): KvTask {
    const call: AdapterCall = { ...task.call, signal: AbortSignal.any([signal, this.#closing.signal]) };
    return { call, operation: 'login', subject: this.#address };
  }

  #background(operation: string, limitMs: number): KvTask {
    return { call: { requestId: newId(), signal: AbortSignal.timeout(limitMs) }, operation, subject: this.#address };
  }

  /** The token at hand, unless it has expired. */
  #held(): Grant | undefined {
    const grant = this.#grant;
    return grant && (grant.ttlMs === 0 || this.#now() < grant.grantedAtMs + grant.ttlMs) ? grant : undefined;
  }

  #now(): number {
    return this.#clock.now().getTime();
  }
}

/** True when a vault refuses the token, not something in front of it. */
export function isRefusal(answer: KvAnswer): boolean {
  return (answer.status === 403 || answer.status === 401) && errorTexts(answer) !== undefined;
}
