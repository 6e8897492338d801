import { newId, systemContext, type Clock } from '@claviger/kernel';
import { Reconciler } from '../../../libs/features/src/replication/reconciler.js';
import { TargetActions } from '../../../libs/features/src/replication/target-actions.js';
import { TargetObserver } from '../../../libs/features/src/replication/target-observer.js';
import type { OpenTarget } from '../../../libs/features/src/replication/target-vaults.js';
import { VERIFY_INTERVAL_S, type ModelLedger } from './model-ledger.js';
import type { ModelSource } from './model-source.js';
import { PLACE, type ModelVault } from './model-vault.js';
import { markerOf, type ModelWatch } from './model-watch.js';
import { Turnstile } from './turnstile.js';

export type ModelProcessInit = {
  readonly storeId: string;
  readonly ledger: ModelLedger;
  readonly source: ModelSource;
  readonly vaults: readonly ModelVault[];
  readonly watch: ModelWatch;
  readonly clock: Clock;
  readonly wake: (secretId: string) => void;
  readonly onDefect: (error: unknown) => void;
};

/** A worker process: the real reconciler, whose every act on the outside waits at the turnstile. */
export class ModelProcess {
  readonly turnstile = new Turnstile();
  readonly #reconciler: Reconciler;
  #isRunning = false;

  constructor(private readonly init: ModelProcessInit) {
    const { ledger, source, watch, clock, wake } = init;
    const { turnstile } = this;
    const port = source.port((what) => turnstile.pass(what));
    const logger = { error: (_event: string, _facts: unknown, error: unknown) => init.onDefect(error) };
    this.#reconciler = new Reconciler(
      {
        claim: async (ctx, secretId, claim) => {
          await turnstile.pass('claim');
          const claimed = await ledger.claim(ctx, secretId, claim);
          watch.claimed(ctx.requestId, claimed.targets);
          await turnstile.pass('claimed');
          return claimed;
        },
        settle: async (ctx, claimed, settlement) => {
          await turnstile.pass('settle');
          watch.settling(ctx.requestId, claimed, settlement);
          return ledger.settle(ctx, claimed, settlement);
        },
      },
      {
        end: async (ctx, target) => {
          await turnstile.pass('end');
          return ledger.end(ctx, target);
        },
      },
      { open: async (ctx, target) => this.#open(ctx, target) },
      new TargetObserver(port),
      new TargetActions(),
      { wake: (_storeId, secretId) => wake(secretId) },
      port,
      logger as never,
      {
        work: {
          verifyIntervalSeconds: VERIFY_INTERVAL_S,
          workerConcurrency: 1,
          deleteFuse: 0,
          complianceIntervalSeconds: 900,
        },
      },
      clock,
    );
  }

  /** Takes no further job now. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Starts a job for a secret. */
  run(secretId: string): void {
    this.#isRunning = true;
    const ctx = systemContext({ requestId: newId(), storeId: this.init.storeId, job: 'model' });
    this.#reconciler
      .reconcile(ctx, secretId)
      .catch(this.init.onDefect)
      .finally(() => (this.#isRunning = false));
  }

  /** Ends it as `kill -9` does. */
  kill(): void {
    this.turnstile.close();
  }

  #open(
    ctx: { requestId: string; signal: AbortSignal },
    { profileId, secretId }: { profileId: string; secretId: string },
  ): OpenTarget | undefined {
    const vault = this.init.vaults.find((one) => one.profileId === profileId)!;
    if (!vault.isEnabled) return undefined;
    const marker = markerOf({ id: secretId });
    return {
      adapter: vault.reachedBy(this.turnstile),
      capabilities: vault.capabilities,
      repairsItself: vault.repairsItself,
      name: PLACE,
      marker: vault.capabilities.metadata ? { claviger_owner: marker } : {},
      judge: ({ claviger_owner: found }) => (found === undefined ? 'unmarked' : found === marker ? 'ours' : 'foreign'),
      reclaim: {},
      call: () => ({ requestId: ctx.requestId, signal: ctx.signal }),
    };
  }
}
