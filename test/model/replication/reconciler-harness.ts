import { systemContext } from '@claviger/kernel';
import { captureLogs, FakeClock, injectFaults, type Fault, type LogCapture } from '@claviger/testing';
import { ReferenceAdapter, REFERENCE_FLAVOURS } from '@claviger/vaults/conformance';
import type { AdapterOperation, VaultCapabilities } from '@claviger/vaults/contract';
import { intercept } from '@claviger/vaults/wrappers';
import { Reconciler } from '../../../libs/features/src/replication/reconciler.js';
import type { SyncTargetEntity } from '../../../libs/features/src/replication/sync-target.entity.js';
import { TargetActions } from '../../../libs/features/src/replication/target-actions.js';
import type { OpenTarget } from '../../../libs/features/src/replication/target-vaults.js';
import { TargetObserver } from '../../../libs/features/src/replication/target-observer.js';
import { MemoryLedger } from './memory-ledger.js';
import { VERIFY_INTERVAL_S } from './model-ledger.js';
import { desiredOf, ModelSource, type ModelSecret } from './model-source.js';
import { PLACE } from './model-vault.js';

export type HarnessVault = {
  readonly adapter: ReferenceAdapter;
  /** The operations that were asked for, in order; a look at no other version than the current one is told as such. */
  readonly calls: string[];
  isEnabled: boolean;
  /** Decides about each call, if set. */
  fault: ((operation: AdapterOperation) => Fault | undefined) | undefined;
};

/** The real reconciler over a ledger and vaults in memory, with a clock that stands still. */
export class ReconcilerHarness {
  readonly clock = new FakeClock();
  readonly source = new ModelSource();
  readonly wakeUps: string[] = [];
  readonly logs: LogCapture = captureLogs();
  readonly ledger: MemoryLedger;
  readonly reconciler: Reconciler;
  readonly #vaults = new Map<string, HarnessVault & { readonly capabilities: VaultCapabilities }>();
  #secrets = 0;

  constructor() {
    const { clock, source } = this;
    const wake = (secretId: string): void => void this.wakeUps.push(secretId);
    const onEnd = (secretId: string, left: number): void => source.ended(secretId, left);
    this.ledger = new MemoryLedger({ clock, wake, onEnd, physicalName: PLACE });
    const port = source.port(async () => undefined);
    this.reconciler = new Reconciler(
      this.ledger,
      this.ledger,
      { open: async (ctx, target) => this.#open(ctx, target) },
      new TargetObserver(port),
      new TargetActions(),
      { wake: (_storeId, secretId) => wake(secretId) },
      port,
      this.logs.logger,
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

  addVault(profileId: string, flavour: keyof typeof REFERENCE_FLAVOURS): HarnessVault {
    const capabilities = REFERENCE_FLAVOURS[flavour];
    const adapter = new ReferenceAdapter({ capabilities, clock: this.clock });
    const vault = { adapter, capabilities, calls: [], isEnabled: true, fault: undefined };
    this.#vaults.set(profileId, vault);
    return vault;
  }

  /** A secret with one version, replicated to these profiles. */
  async addSecret(...profileIds: readonly string[]): Promise<ModelSecret> {
    this.#secrets += 1;
    const id = `secret-${this.#secrets}`;
    const secret: ModelSecret = {
      id,
      state: 'active',
      isDisabled: false,
      toggles: 0,
      versions: [{ number: 1, text: `{"of":"${id}","v":1}`, state: 'live' }],
    };
    this.source.secrets.push(secret);
    for (const profileId of profileIds)
      await this.ledger.add(id, { profileId, onConflict: 'fail', desired: desiredOf(secret) });
    return secret;
  }

  async write(secret: ModelSecret): Promise<void> {
    const number = secret.versions.length + 1;
    secret.versions.push({ number, text: `{"of":"${secret.id}","v":${number}}`, state: 'live' });
    await this.ledger.desire(secret.id, desiredOf(secret));
  }

  reconcile(secret: ModelSecret): Promise<void> {
    const ctx = systemContext({ requestId: 'request', storeId: 'store', job: 'test' });
    return this.reconciler.reconcile(ctx, secret.id);
  }

  async target(secret: ModelSecret, profileId: string): Promise<SyncTargetEntity> {
    const rows = await this.ledger.list();
    return rows.find((row) => row.secretId === secret.id && row.profileId === profileId)!;
  }

  /** What a reader of the vault gets. */
  readable(profileId: string): string | undefined {
    const { adapter } = this.#vaults.get(profileId)!;
    return adapter.snapshot().get(PLACE)?.versions.at(-1)?.text;
  }

  #open(
    { requestId, signal }: { readonly requestId: string; readonly signal: AbortSignal },
    { profileId, secretId }: SyncTargetEntity,
  ): OpenTarget | undefined {
    const vault = this.#vaults.get(profileId)!;
    const { capabilities } = vault;
    if (!vault.isEnabled) return undefined;
    const faulty = injectFaults(vault.adapter, (operation) => vault.fault?.(operation), this.clock);
    const adapter = intercept(faulty, ({ operation, args, run }) => {
      vault.calls.push(args[1] === 'current' ? `${operation} current` : operation);
      return run();
    });
    return {
      adapter,
      capabilities,
      repairsItself: false,
      name: PLACE,
      marker: markerOf(secretId, capabilities),
      judge: ({ claviger_owner: owner }) =>
        owner === undefined ? 'unmarked' : owner === secretId ? 'ours' : 'foreign',
      reclaim: {},
      call: () => ({ requestId, signal }),
    };
  }
}

function markerOf(secretId: string, { metadata }: VaultCapabilities): Readonly<Record<string, string>> {
  return metadata ? { claviger_owner: secretId } : {};
}
