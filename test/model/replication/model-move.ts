import { AppError, isAppError, newId, systemContext, type Clock, type RequestContext } from '@claviger/kernel';
import type { ConflictPolicy, SyncTargetEntity } from '../../../libs/features/src/replication/sync-target.entity.js';
import { ActAgain, type ExecutingChange } from '../../../libs/features/src/changes/index.js';
import { isCertain, pauseMs } from '../../../libs/features/src/changes/change-outcome.policy.js';
import {
  ChangeSourceHandler,
  type ChangeSourceParameters,
} from '../../../libs/features/src/secrets/change-source.handler.js';
import type { ModelLedger, ModelTarget } from './model-ledger.js';
import { fingerprintOf, type ModelSecret, type ModelSource } from './model-source.js';
import { PLACE, type ModelVault } from './model-vault.js';
import type { Turnstile } from './turnstile.js';

/** As in the executor: how long an attempt has, and after how long another process takes it over. */
const ACT_LIMIT_MS = 30_000;
const LEASE_MS = 45_000;

type Move = ExecutingChange<ChangeSourceParameters> & { readonly secretId: string };
type Executing = { readonly move: Move; owner: string; leaseUntil: number; attempt: number };
type Handler = Pick<ChangeSourceHandler, 'begin' | 'act' | 'complete' | 'fail'>;

export type ModelMovesInit = {
  readonly storeId: string;
  readonly ledger: ModelLedger;
  readonly source: ModelSource;
  readonly vaults: readonly ModelVault[];
  readonly clock: Clock;
  readonly onDefect: (error: unknown) => void;
};

/**
 * Changes of a secret's source: the real handler, carried out as the executor does. At most one at a time; one whose process
 * was killed is finished by another when its lease has run out.
 */
export class ModelMoves {
  #executing: Executing | undefined;
  /** The turnstiles of executions that have not ended, by their owners. */
  readonly #running = new Map<string, Turnstile>();

  constructor(private readonly init: ModelMovesInit) {}

  /** A change is under way, by somebody or by nobody any more. */
  get isExecuting(): boolean {
    return this.#executing !== undefined;
  }

  /** A process that lives is at work on one, or waits to be. */
  get isRunning(): boolean {
    return [...this.#running.values()].some(({ isClosed }) => !isClosed);
  }

  /** Begins one, in the process whose turnstile it is, unless that is refused. */
  async begin(turnstile: Turnstile, secret: ModelSecret, to: ModelVault, onConflict: ConflictPolicy): Promise<void> {
    const { ledger } = this.init;
    const row = (await ledger.list()).find(
      ({ secretId, profileId }) => secretId === secret.id && profileId === to.profileId,
    );
    const from = secret.sourceProfileId!;
    const parameters = {
      to: { profileId: to.profileId, profile: to.name, physicalName: PLACE } as ChangeSourceParameters['to'],
      from,
      fromId: from,
      isTarget: row !== undefined && row.desiredPresence !== 'absent' && row.desiredPresence !== 'retained',
      onConflict,
    };
    const gatedAs = { at: [{ vaultProfile: from, kinds: [] }], facts: [] };
    const move = { id: newId(), secretId: secret.id, parameters, gatedAs, isResumed: false } as unknown as Move;
    try {
      await this.#handler(turnstile).begin(this.#context(), move);
    } catch (error) {
      if (!isAppError(error)) throw error;
      return;
    }
    this.#take({ move, owner: '', leaseUntil: 0, attempt: 1 }, turnstile);
  }

  /** Goes on with one that nobody executes any more. */
  recover(turnstile: Turnstile): void {
    const executing = this.#executing;
    if (!executing || executing.leaseUntil > this.init.clock.now().getTime()) return;
    const move = { ...executing.move, isResumed: true };
    this.#take({ ...executing, move, attempt: executing.attempt + 1 }, turnstile);
  }

  #take(executing: Executing, turnstile: Turnstile): void {
    executing.owner = newId();
    executing.leaseUntil = this.init.clock.now().getTime() + LEASE_MS;
    this.#executing = executing;
    const { move, owner } = executing;
    this.#running.set(owner, turnstile);
    this.#execute(turnstile, move, owner)
      .catch(this.init.onDefect)
      .finally(() => this.#running.delete(owner));
  }

  async #execute(turnstile: Turnstile, move: Move, owner: string): Promise<void> {
    const handler = this.#handler(turnstile);
    const limit = new AbortController();
    const endsAt = this.init.clock.now().getTime() + ACT_LIMIT_MS;
    void this.init.clock.sleep(ACT_LIMIT_MS).then(() => limit.abort());
    for (;;) {
      try {
        const outcome = await handler.act({ ...this.#context(), signal: limit.signal }, move);
        await turnstile.pass('record the change of source');
        if (this.#executing?.owner !== owner) return;
        await handler.complete(this.#context(), move, outcome);
        this.#executing = undefined;
        return;
      } catch (error) {
        if (error instanceof ActAgain && this.init.clock.now().getTime() < endsAt) continue;
        await turnstile.pass('record that the source could not be changed');
        if (this.#executing?.owner !== owner) return;
        if (!isCertain(error, move)) {
          this.#executing.leaseUntil = this.init.clock.now().getTime() + pauseMs(this.#executing.attempt);
          if (isAppError(error)) return;
          throw error;
        }
        await handler.fail(this.#context(), move);
        this.#executing = undefined;
        return;
      }
    }
  }

  #context(): RequestContext {
    return systemContext({ requestId: newId(), storeId: this.init.storeId, job: 'model' });
  }

  #handler(turnstile: Turnstile): Handler {
    const { ledger, source, clock } = this.init;
    const find = async (_ctx: unknown, id: string): Promise<unknown> => entityOf(source.secrets, id);
    const row = async (_ctx: unknown, secretId: string, profileId: string): Promise<SyncTargetEntity | null> =>
      (await ledger.list()).find((one) => one.secretId === secretId && one.profileId === profileId) ?? null;
    const repositories = {
      secrets: { find, lock: find, findByName: async () => null, findVersion: async () => this.#current() },
      vault: { open: async (ctx: RequestContext, at: Located) => this.#open(ctx, at, turnstile) },
      places: { claim: async () => undefined, forget: async () => undefined },
      targets: {
        add: async (_tx: unknown, { secretId, ...target }: ModelTarget & { readonly secretId: string }) => {
          const isTaken = (await ledger.list()).some(({ profileId }) => profileId === target.profileId);
          if (isTaken) throw refused('TARGET_EXISTS');
          await ledger.add(secretId, target);
        },
        retire: (_tx: unknown, secretId: string, profileId: string) => ledger.retire(secretId, profileId),
        forget: async (_tx: unknown, secretId: string, profileId: string) => {
          await ledger.forget(secretId, profileId);
          return [];
        },
      },
      handover: {
        find: row,
        lock: row,
        repair: (_tx: unknown, secretId: string, profileId: string) => ledger.requestRepair(secretId, profileId),
        becomeSource: (_tx: unknown, target: SyncTargetEntity) => ledger.becomeSource(target),
        becomeTarget: (_tx: unknown, former: Parameters<ModelLedger['becomeTarget']>[0]) => ledger.becomeTarget(former),
      },
      fingerprints: {
        matches: (_storeId: string, _type: string, content: { reveal(): string }, fingerprint: string) =>
          fingerprintOf(content.reveal()) === fingerprint,
      },
      recorder: {
        record: async (
          _tx: unknown,
          { id }: ModelSecret,
          { parameters }: Move,
          to: { backendVersion: string | null },
        ) => {
          const secret = source.get(id);
          const { profileId } = parameters.to;
          secret.sourceProfileId = profileId;
          secret.versions.at(-1)!.at = { profileId, backendVersion: to.backendVersion };
        },
      },
      events: { add: async () => undefined },
      clock: {
        now: () => clock.now(),
        sleep: (ms: number) => clock.sleep(ms).then(() => turnstile.pass('look at the new place again')),
      },
    };
    const { secrets, vault, places, targets, handover, fingerprints, recorder, events, clock: own } = repositories;
    return new ChangeSourceHandler(
      secrets as never,
      vault as never,
      places as never,
      targets as never,
      handover as never,
      fingerprints as never,
      recorder as never,
      events as never,
      own,
    );
  }

  #current(): { readonly deletedAt: Date | null; readonly destroyedAt: Date | null } {
    const state = this.init.source.active?.versions.at(-1)?.state;
    const now = this.init.clock.now();
    return { deletedAt: state === 'deleted' ? now : null, destroyedAt: state === 'destroyed' ? now : null };
  }

  #open(ctx: RequestContext, { sourceProfileId }: Located, turnstile: Turnstile): unknown {
    const vault = this.init.vaults.find(({ profileId }) => profileId === sourceProfileId)!;
    if (!vault.isEnabled) throw refused('VAULT_PROFILE_DISABLED');
    const signal = ctx.signal ?? new AbortController().signal;
    return {
      adapter: vault.reachedBy(turnstile),
      capabilities: vault.capabilities,
      marker: vault.capabilities.metadata ? {} : undefined,
      name: PLACE,
      call: { requestId: ctx.requestId, signal },
    };
  }
}

type Located = { readonly sourceProfileId: string };

/** The row of a secret, as far as a change of its source looks at it. */
function entityOf(secrets: readonly ModelSecret[], id: string): unknown {
  const secret = secrets.find((one) => one.id === id);
  const current = secret?.versions.at(-1);
  if (!secret || !current) return null;
  return {
    id,
    name: PLACE,
    type: 'generic',
    state: secret.state,
    isDisabled: secret.isDisabled,
    sourceProfileId: secret.sourceProfileId,
    physicalName: PLACE,
    currentVersion: current.number,
    currentFingerprint: fingerprintOf(current.text),
    currentBackendVersion: current.at?.backendVersion ?? null,
  };
}

const refused = (code: string): AppError => new AppError({ code, kind: 'conflict', message: 'Refused in the model.' });
