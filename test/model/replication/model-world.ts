import { FakeClock } from '@claviger/testing';
import { REFERENCE_FLAVOURS } from '@claviger/vaults/conformance';
import { MemoryLedger } from './memory-ledger.js';
import { foreignActs } from './foreign-acts.js';
import type { ModelLedger } from './model-ledger.js';
import { ModelProcess } from './model-process.js';
import { desiredOf, ModelSource, type ModelSecret } from './model-source.js';
import { describeStep, VAULTS, type ModelSetting, type ModelStep, type VaultIndex } from './model-step.js';
import { ModelVault, PLACE } from './model-vault.js';
import { ModelWatch } from './model-watch.js';

export const STORE_ID = '00000000-0000-7000-8000-000000000000';
/** Of the vaults in the model. */
export const PROFILE_IDS = VAULTS.map((_, index) => `00000000-0000-7000-8000-0000000000a${index}`);
const profileId = (index: number): string => PROFILE_IDS[index]!;
const secretId = (index: number): string => `00000000-0000-7000-8000-0000000000${String(index).padStart(2, 'b')}`;

const CAPABILITIES = [
  { ...REFERENCE_FLAVOURS.full, maxVersions: 10 },
  REFERENCE_FLAVOURS.plain,
  { ...REFERENCE_FLAVOURS.full, compareAndSet: false, atomicCreate: false },
];

/** Makes the ledger of a world; in memory unless told otherwise. */
export type LedgerMaker = (world: {
  clock: FakeClock;
  source: ModelSource;
  wake: (secretId: string) => void;
}) => ModelLedger;

const inMemory: LedgerMaker = ({ clock, source, wake }) =>
  new MemoryLedger({ clock, wake, physicalName: PLACE, onEnd: (id, left) => source.ended(id, left) });

/** Everything that there is in a run, and what the steps do to it. */
export class ModelWorld {
  readonly clock = new FakeClock();
  readonly source = new ModelSource();
  readonly watch = new ModelWatch(this.source);
  readonly vaults = VAULTS.map(
    (name, index) => new ModelVault(name, profileId(index), CAPABILITIES[index]!, this.clock, this.watch),
  );
  readonly ledger: ModelLedger;
  readonly defects: unknown[] = [];
  readonly #processes: ModelProcess[];
  #queue: string[] = [];
  #backup: { rows: ReturnType<MemoryLedger['backup']>; secrets: ModelSecret[] } | undefined;

  constructor(
    setting: ModelSetting,
    makeLedger: LedgerMaker = inMemory,
    readonly tell?: (line: string) => void,
  ) {
    this.source.keepsVersions = setting.sourceKeepsVersions;
    this.ledger = makeLedger({ clock: this.clock, source: this.source, wake: (id) => void this.#queue.push(id) });
    this.#processes = [this.#start(), this.#start()];
  }

  /** Whether no wake-up waits and no process has anything to do. */
  get isIdle(): boolean {
    const isWorking = this.#processes.some(({ turnstile, isRunning }) => isRunning || turnstile.waiting.length > 0);
    return this.#queue.length === 0 && !isWorking;
  }

  get memory(): MemoryLedger | undefined {
    return this.ledger instanceof MemoryLedger ? this.ledger : undefined;
  }

  /** Carries out a step, and lets everything run that can run by itself. */
  async take(step: ModelStep): Promise<void> {
    this.tell?.(`* ${describeStep(step)}`);
    await this.#take(step);
    await this.settle();
    for (const row of await this.ledger.list()) this.watch.explained(row);
  }

  async settle(): Promise<void> {
    do await this.clock.settle();
    while (this.ledger.isBusy);
    await this.clock.settle();
  }

  /** Moves the time, and waits for what that sets going. */
  async wait(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.settle();
  }

  /** Lets a process do one thing: the one that is picked of those that wait, or begin a job. */
  async work(index: 0 | 1, pick: number): Promise<void> {
    const process = this.#processes[index]!;
    if (process.turnstile.waiting.length > 0) {
      const what = process.turnstile.letPass(pick);
      this.tell?.(`  process ${index}: ${what}`);
    } else if (!process.isRunning && this.#queue.length > 0) {
      const [id] = this.#queue.splice(pick % this.#queue.length, 1);
      process.run(id!);
    }
    await this.settle();
  }

  async #take(step: ModelStep): Promise<void> {
    const { source, ledger } = this;
    const secret = source.active;
    switch (step.do) {
      case 'work':
        for (const pick of step.picks) await this.work(step.process, pick);
        return;
      case 'write':
        return (
          secret &&
          this.#write(secret, `{"s":"${secret.id.slice(-2)}-${this.watch.life}-${secret.versions.length + 1}"}`)
        );
      case 'write an old content again':
        return secret && this.#write(secret, secret.versions[step.version % secret.versions.length]!.text);
      case 'delete the version':
        return secret && this.#changeVersion(secret, 'live', 'deleted');
      case 'undelete the version':
        return secret && this.#changeVersion(secret, 'deleted', 'live');
      case 'destroy the version':
        return secret && this.#changeVersion(secret, undefined, 'destroyed');
      case 'create the secret':
        if (!source.current) this.create();
        return;
      case 'delete the secret':
        return source.current && this.#delete(source.current, step.retain);
      case 'disable the secret':
        return secret && this.#setDisabled(secret, true);
      case 'enable the secret':
        return secret && this.#setDisabled(secret, false);
      case 'add':
        return secret && this.add(secret, step.vault, step.onConflict);
      case 'remove':
        return secret && this.#remove(secret, step.vault, step.purge);
      case 'sync':
        return source.current && ledger.requestRepair(source.current.id, profileId(step.vault));
      case 'disable the profile':
      case 'enable the profile':
        this.vaults[step.vault]!.isEnabled = step.do === 'enable the profile';
        return;
      case 'toggle repair':
        this.vaults[step.vault]!.repairsItself = !this.vaults[step.vault]!.repairsItself;
        return;
      case 'foreign':
        return foreignActs[step.act](this.vaults[step.vault]!, source.active);
      case 'fault':
        this.vaults[step.vault]!.faults.push(step.fault);
        return;
      case 'source fault':
        source.faults.push(step.code);
        return;
      case 'kill':
        return this.#kill(step.process);
      case 'lose the queue':
        this.#queue = [];
        return;
      case 'repeat the queue':
        this.#queue.push(...this.#queue);
        return;
      case 'wait':
        return this.wait(step.seconds * 1_000);
      case 'sweep':
        return ledger.sweep();
      case 'verify':
        return ledger.verify();
      case 'back up':
        if (this.memory) this.#backup = { rows: this.memory.backup(), secrets: structuredClone(source.secrets) };
        return;
      case 'restore':
        return this.#restore(step.as);
      case 'accept the database':
        if (this.memory) this.memory.isPaused = false;
        return;
    }
  }

  create(): ModelSecret {
    const id = secretId(this.source.secrets.length + 1);
    const version = { number: 1, text: `{"s":"${id.slice(-2)}-${this.watch.life}-1"}`, state: 'live' as const };
    const secret: ModelSecret = { id, state: 'active', isDisabled: false, toggles: 0, versions: [version] };
    this.source.secrets.push(secret);
    return secret;
  }

  async add(
    secret: ModelSecret,
    index: VaultIndex,
    onConflict: 'fail' | 'adopt-if-equal' | 'overwrite',
  ): Promise<void> {
    const id = profileId(index);
    // One place belongs to one secret until nothing of it is there any more.
    if ((await this.ledger.list()).some((row) => row.profileId === id)) return;
    await this.ledger.add(secret.id, { profileId: id, onConflict, desired: desiredOf(secret) });
  }

  async #setDisabled(secret: ModelSecret, isDisabled: boolean): Promise<void> {
    secret.isDisabled = isDisabled;
    secret.toggles += 1;
    if (!isDisabled) await this.ledger.resume(secret.id);
  }

  async #write(secret: ModelSecret, text: string): Promise<void> {
    if (secret.isDisabled) return;
    secret.versions.push({ number: secret.versions.length + 1, text, state: 'live' });
    await this.ledger.desire(secret.id, desiredOf(secret));
  }

  async #changeVersion(
    secret: ModelSecret,
    from: string | undefined,
    to: 'live' | 'deleted' | 'destroyed',
  ): Promise<void> {
    const current = secret.versions.at(-1)!;
    if (secret.isDisabled || current.state === 'destroyed' || (from !== undefined && current.state !== from)) return;
    current.state = to;
    await this.ledger.desire(secret.id, desiredOf(secret));
  }

  async #delete(secret: ModelSecret, retain: boolean): Promise<void> {
    if (retain) {
      for (const row of await this.ledger.list()) this.#vault(row.profileId).isRetained = true;
      secret.state = 'deleted';
      return this.ledger.forget(secret.id);
    }
    if (secret.state !== 'active') return;
    secret.state = 'deleting';
    if ((await this.ledger.desire(secret.id, desiredOf(secret))) === 0) secret.state = 'deleted';
  }

  async #remove(secret: ModelSecret, index: VaultIndex, purge: boolean): Promise<void> {
    const id = profileId(index);
    if (purge) return this.ledger.retire(secret.id, id);
    this.vaults[index]!.isRetained = true;
    return this.ledger.forget(secret.id, id);
  }

  #vault(id: string): ModelVault {
    return this.vaults.find((vault) => vault.profileId === id)!;
  }

  #kill(index: 0 | 1): void {
    this.#processes[index]!.kill();
    this.#processes[index] = this.#start();
  }

  #restore(as: 'failover' | 'clone'): void {
    const { memory, source, watch } = this;
    if (!memory || !this.#backup) return;
    const texts = (secrets: readonly ModelSecret[]): string[] =>
      secrets.flatMap(({ versions }) => versions.map(({ text }) => text));
    const known = new Set(texts(this.#backup.secrets));
    for (const text of texts(source.secrets)) if (!known.has(text)) watch.lost.add(text);
    source.secrets = structuredClone(this.#backup.secrets);
    memory.restore(this.#backup.rows);
    watch.life += 1;
    memory.epoch = `system-${as === 'clone' ? watch.life + 1 : 1}/${watch.life + 1}`;
    if (as === 'clone') memory.isPaused = true;
  }

  #start(): ModelProcess {
    return new ModelProcess({
      storeId: STORE_ID,
      ledger: this.ledger,
      source: this.source,
      vaults: this.vaults,
      watch: this.watch,
      clock: this.clock,
      wake: (id) => void this.#queue.push(id),
      onDefect: (error) => void this.defects.push(error),
    });
  }
}
