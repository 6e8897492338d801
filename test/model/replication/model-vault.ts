import { SecretValue } from '@claviger/kernel';
import type { FakeClock } from '@claviger/testing';
import { ReferenceAdapter, type ReferenceObject } from '@claviger/vaults/conformance';
import {
  VaultError,
  type AdapterCall,
  type AdapterOperation,
  type VaultAdapter,
  type VaultCapabilities,
  type VaultErrorCode,
} from '@claviger/vaults/contract';
import { intercept } from '@claviger/vaults/wrappers';
import type { Turnstile } from './turnstile.js';

/** The one place of every vault in the model. */
export const PLACE = 'app/db';

/** What happens to the next call that it fits. */
export type ModelFault = {
  readonly on: 'any' | 'read' | 'write';
  readonly how:
    /** A creation may have left its marker by then, where the vault holds markers. */
    | { readonly is: 'refused'; readonly code: VaultErrorCode; readonly leaves: 'nothing' | 'a marker' }
    /** Never arrives; the caller cannot tell. */
    | { readonly is: 'request lost' }
    /** Carried out; the caller cannot tell. */
    | { readonly is: 'answer lost' }
    /** Carried out so many seconds later; the caller was told that time was out. */
    | { readonly is: 'late'; readonly seconds: number }
    /** Takes so many seconds. */
    | { readonly is: 'slow'; readonly seconds: number };
};

/** A change of a place, as the watch is told of it. */
export type Mutation = {
  readonly vault: ModelVault;
  readonly operation: AdapterOperation;
  /** The job that asked for it. */
  readonly job: string;
  /** It arrived when nobody waited for it any more. */
  readonly isLate: boolean;
  readonly before: ReferenceObject | undefined;
  readonly after: ReferenceObject | undefined;
};

/** Who made an object (or has taken it over, as it was told to), and who wrote what it holds now. */
export type Truth = {
  readonly maker: 'us' | 'them';
  readonly writer: 'us' | 'them';
  /** When we wrote it. */
  readonly version: { readonly secretId: string; readonly number: number } | undefined;
};

/** What was at a place at some time. */
export type ModelHome = { readonly object: ReferenceObject | undefined; readonly truth: Truth | undefined };

const READS: ReadonlySet<AdapterOperation> = new Set(['read', 'readMany', 'describe', 'list', 'capabilities']);

/** A vault with one place, reached by Claviger's processes and by a foreigner. */
export class ModelVault {
  readonly adapter: ReferenceAdapter;
  readonly faults: ModelFault[] = [];
  truth: Truth | undefined;
  isEnabled = true;
  repairsItself = false;
  /** A user chose to keep the copy. */
  isRetained = false;
  /** Somebody else has changed what is there since we wrote it last. */
  isTampered = false;
  /** Calls that changed something. */
  changes = 0;
  calls = 0;

  constructor(
    readonly name: string,
    readonly profileId: string,
    readonly capabilities: VaultCapabilities,
    private readonly clock: FakeClock,
    private readonly watch: {
      /** Returns the version that the job was to write. */
      mutated(mutation: Mutation): Truth['version'];
      saw(job: string, vault: ModelVault, object: ReferenceObject | undefined): void;
    },
  ) {
    this.adapter = new ReferenceAdapter({ capabilities, clock });
  }

  get object(): ReferenceObject | undefined {
    return this.adapter.snapshot().get(PLACE);
  }

  /** The text that a reader of the place gets. */
  get readable(): string | undefined {
    return readableOf(this.object);
  }

  /** The vault as one process reaches it: every call and every answer waits for its turn. */
  reachedBy(turnstile: Turnstile): VaultAdapter {
    return intercept(this.adapter, async ({ operation, call, mutates, args, run }) => {
      if (operation === 'capabilities') return run();
      this.calls += 1;
      const cut = (): VaultError => this.#error('CANCELLED', operation, mutates);
      await turnstile.pass(`${this.name} ${operation}`, call.signal, cut);
      const fault = this.#takeFault(operation);
      if (fault?.is === 'refused') {
        if (operation === 'create' && fault.leaves === 'a marker') this.#leaveMarker(args[2]);
        throw this.#error(fault.code, operation, false);
      }
      if (fault?.is === 'request lost') throw this.#error('TIMEOUT', operation, mutates);
      if (fault?.is === 'late') {
        void this.clock
          .sleep(fault.seconds * 1_000)
          .then(() => this.#apply(orphan(call), operation, run, true))
          .catch(() => undefined);
        throw this.#error('TIMEOUT', operation, mutates);
      }
      if (fault?.is === 'slow')
        await this.clock.sleep(fault.seconds * 1_000, call.signal).catch(() => {
          throw cut();
        });
      const answer = this.#apply(call, operation, run, false);
      await answer.catch(() => undefined);
      await turnstile.pass(`${this.name} ${operation} answered`, call.signal, cut);
      if (fault?.is === 'answer lost') throw this.#error('UNAVAILABLE', operation, mutates);
      return answer;
    });
  }

  /** The text that is there under that id; without one the text that a reader gets. */
  textAt(version: string | null): string | undefined {
    if (version === null) return this.readable;
    const found = this.object?.versions.find(({ number }) => String(number) === version);
    return found?.state === 'live' ? found.text : undefined;
  }

  /** What Claviger does at the place of a source because a user asked for it. @throws VaultError */
  async byUser(
    version: NonNullable<Truth['version']>,
    act: (adapter: ReferenceAdapter, call: AdapterCall) => Promise<unknown>,
  ): Promise<void> {
    const before = this.object;
    await act(this.adapter, orphan());
    this.#note('us', before, version);
  }

  /** What somebody else does at the place. */
  async foreign(act: (adapter: ReferenceAdapter, call: AdapterCall) => Promise<unknown>): Promise<void> {
    const before = this.object;
    await act(this.adapter, orphan()).catch(() => undefined);
    this.#note('them', before);
  }

  /** Puts an object there that no operation makes. */
  foreignObject(object: ReferenceObject | undefined): void {
    const before = this.object;
    this.adapter.restore(new Map(object === undefined ? [] : [[PLACE, object]]));
    this.#note('them', before);
  }

  async #apply<T>(
    call: AdapterCall,
    operation: AdapterOperation,
    run: (call: AdapterCall) => Promise<T>,
    isLate: boolean,
  ): Promise<T> {
    const before = this.object;
    const job = call.requestId;
    try {
      return await run(call);
    } finally {
      if (READS.has(operation)) this.watch.saw(job, this, this.object);
      else if (before !== this.object) {
        this.changes += 1;
        const version = this.watch.mutated({ vault: this, operation, job, isLate, before, after: this.object });
        this.#note('us', before, version);
      }
    }
  }

  /** As a creation that was interrupted between marking and writing. */
  #leaveMarker(metadata: unknown): void {
    if (this.object !== undefined || !this.capabilities.metadata) return;
    const object = { metadata: metadata as Readonly<Record<string, string>>, versions: [], lastNumber: 0 };
    this.adapter.restore(new Map([[PLACE, object]]));
    this.#note('us', undefined);
  }

  /** Puts everything back to what it was. */
  restore({ object, truth }: ModelHome): void {
    this.adapter.restore(new Map(object === undefined ? [] : [[PLACE, object]]));
    this.truth = truth;
  }

  #note(who: 'us' | 'them', before: ReferenceObject | undefined, version?: Truth['version']): void {
    const now = this.object;
    const isSameContent = before !== undefined && now !== undefined && before.lastNumber === now.lastNumber;
    if (now !== before && (who === 'them' || !isSameContent)) this.isTampered = who === 'them';
    if (!now) this.truth = undefined;
    else if (!before) this.truth = { maker: who, writer: who, version };
    else if (!isSameContent) this.truth = { maker: who === 'us' ? 'us' : this.truth!.maker, writer: who, version };
  }

  #takeFault(operation: AdapterOperation): ModelFault['how'] | undefined {
    const kind = READS.has(operation) ? 'read' : 'write';
    const index = this.faults.findIndex(({ on }) => on === 'any' || on === kind);
    return index < 0 ? undefined : this.faults.splice(index, 1)[0]!.how;
  }

  #error(code: VaultErrorCode, operation: AdapterOperation, outcomeUnknown: boolean): VaultError {
    return new VaultError({ code, message: 'Injected.', backend: this.name, operation, outcomeUnknown });
  }
}

/** The text that a reader of an object gets. */
export function readableOf(object: ReferenceObject | undefined): string | undefined {
  const newest = object?.versions.at(-1);
  return newest?.state === 'live' ? newest.text : undefined;
}

/** A foreigner's content. */
export const foreignContent = (text: string): SecretValue<string> => new SecretValue(text);

function orphan(call?: AdapterCall): AdapterCall {
  return { requestId: 'nobody', ...call, signal: new AbortController().signal };
}
