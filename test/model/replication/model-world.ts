import { FakeClock } from '@claviger/testing';
import { REFERENCE_FLAVOURS } from '@claviger/vaults/conformance';
import type { VaultCapabilities } from '@claviger/vaults/contract';
import { MemoryLedger } from './memory-ledger.js';
import { foreignActs } from './foreign-acts.js';
import type { ModelLedger } from './model-ledger.js';
import { ModelMoves } from './model-move.js';
import { ModelProcess } from './model-process.js';
import { desiredOf, ModelSource, type ModelSecret, type ModelVersion } from './model-source.js';
import { describeStep, HOME, VAULTS, type ModelSetting, type ModelStep, type VaultIndex } from './model-step.js';
import { ModelVault, PLACE, type ModelHome } from './model-vault.js';
import { ModelWatch } from './model-watch.js';
import { SourceActs } from './source-acts.js';

export const STORE_ID = '00000000-0000-7000-8000-000000000000';
/** Of the vaults in the model. */
export const PROFILE_IDS = VAULTS.map((_, index) => `00000000-0000-7000-8000-0000000000a${index}`);
const profileId = (index: number): string => PROFILE_IDS[index]!;
const secretId = (index: number): string => `00000000-0000-7000-8000-0000000000${String(index).padStart(2, 'b')}`;

const capabilities = (sourceKeepsVersions: boolean): VaultCapabilities[] => [
  { ...REFERENCE_FLAVOURS.full, maxVersions: 10 },
  REFERENCE_FLAVOURS.plain,
  { ...REFERENCE_FLAVOURS.full, compareAndSet: false, atomicCreate: false },
  { ...REFERENCE_FLAVOURS.full, maxVersions: sourceKeepsVersions ? 1_000 : 1 },
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
  readonly vaults: readonly ModelVault[];
  readonly ledger: ModelLedger;
  readonly moves: ModelMoves;
  readonly acts: SourceActs;
  readonly defects: unknown[] = [];
  readonly #processes: ModelProcess[];
  #queue: string[] = [];
  #backup: { rows: ReturnType<MemoryLedger['backup']>; secrets: ModelSecret[]; home: ModelHome } | undefined;

  constructor(
    setting: ModelSetting,
    makeLedger: LedgerMaker = inMemory,
    readonly tell?: (line: string) => void,
  ) {
    this.vaults = capabilities(setting.sourceKeepsVersions).map(
      (able, index) => new ModelVault(VAULTS[index]!, profileId(index), able, this.clock, this.watch),
    );
    this.ledger = makeLedger({ clock: this.clock, source: this.source, wake: (id) => void this.#queue.push(id) });
    this.acts = new SourceActs(this.vaults);
    this.source.textAt = (place) => this.acts.textAt(place);
    const { ledger, source, vaults, clock } = this;
    const onDefect = (error: unknown): void => void this.defects.push(error);
    this.moves = new ModelMoves({ storeId: STORE_ID, ledger, source, vaults, clock, onDefect });
    this.#processes = [this.#start(), this.#start()];
  }

  /** Whether no wake-up waits and no process has anything to do. */
  get isIdle(): boolean {
    const isWorking = this.#processes.some(({ turnstile, isRunning }) => isRunning || turnstile.waiting.length > 0);
    return this.#queue.length === 0 && !isWorking && !this.moves.isRunning;
  }

  /** Whether anybody could do anything now, without time going on. */
  get canWork(): boolean {
    return this.#queue.length > 0 || this.#processes.some(({ turnstile }) => turnstile.waiting.length > 0);
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
    this.#assertSourceIsWhole();
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
      case 'go on':
        for (let turn = 0; turn < step.turns; turn += 1) {
          await this.work((turn % 2) as 0 | 1, 0);
          await this.wait(25);
        }
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
        return source.current ? undefined : void (await this.create());
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
      case 'change the source':
        return secret && this.#move(secret, step);
      case 'overwrite the drift at the source':
        return secret && this.overwriteDrift(secret);
      case 'disable the profile':
        this.vaults[step.vault]!.isEnabled =
          secret !== undefined && this.acts.vaultOf(secret) === this.vaults[step.vault];
        return;
      case 'enable the profile':
        this.vaults[step.vault]!.isEnabled = true;
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
        this.moves.recover(this.#processes[0]!.turnstile);
        return ledger.sweep();
      case 'verify':
        return ledger.verify();
      case 'back up':
        if (this.memory) {
          const { object, truth } = this.vaults[HOME]!;
          const home = { object, truth };
          this.#backup = { rows: this.memory.backup(), secrets: structuredClone(source.secrets), home };
        }
        return;
      case 'restore':
        return this.#restore(step.as);
      case 'accept the database':
        if (this.memory) this.memory.isPaused = false;
        return;
    }
  }

  /** Makes a secret at home, unless something of an earlier one is still there. */
  async create(): Promise<ModelSecret | undefined> {
    if (await this.#isPlaceOfSomebody(profileId(HOME))) return undefined;
    const id = secretId(this.source.secrets.length + 1);
    const version = { number: 1, text: `{"s":"${id.slice(-2)}-${this.watch.life}-1"}`, state: 'live' as const };
    const secret: ModelSecret = { id, state: 'active', isDisabled: false, toggles: 0, versions: [version] };
    secret.sourceProfileId = profileId(HOME);
    await this.acts.create(secret);
    this.source.secrets.push(secret);
    return secret;
  }

  async add(
    secret: ModelSecret,
    index: VaultIndex,
    onConflict: 'fail' | 'adopt-if-equal' | 'overwrite',
  ): Promise<void> {
    const id = profileId(index);
    if (id === secret.sourceProfileId || (await this.#isPlaceOfSomebody(id))) return;
    await this.ledger.add(secret.id, { profileId: id, onConflict, desired: desiredOf(secret) });
  }

  /** Writes the current content again where the source does not hold it any more. */
  async overwriteDrift(secret: ModelSecret): Promise<void> {
    if (this.#isBusy(secret) || !this.acts.isDrifted(secret)) return;
    await this.acts.write(secret, secret.versions.at(-1)!);
    await this.ledger.resume(secret.id);
  }

  async #move(secret: ModelSecret, step: Extract<ModelStep, { do: 'change the source' }>): Promise<void> {
    const to = this.vaults[step.vault]!;
    if (this.moves.isExecuting || to.profileId === secret.sourceProfileId || !to.isEnabled) return;
    await this.moves.begin(this.#processes[step.process]!.turnstile, secret, to, step.onConflict);
  }

  /** One place belongs to one secret until nothing of it is there any more. */
  async #isPlaceOfSomebody(id: string): Promise<boolean> {
    return (await this.ledger.list()).some((row) => row.profileId === id);
  }

  /** Changes of a secret wait for each other where they call a vault. */
  #isBusy(secret: ModelSecret): boolean {
    return this.moves.isExecuting && !this.acts.isLocal(secret);
  }

  /** What its users read is there, unless somebody else has changed it. */
  #assertSourceIsWhole(): void {
    const { active } = this.source;
    if (!active || this.acts.vaultOf(active).isTampered || !this.acts.isDrifted(active)) return;
    this.watch.violate(`the source ${this.acts.vaultOf(active).name} does not hold the current content`);
  }

  async #setDisabled(secret: ModelSecret, isDisabled: boolean): Promise<void> {
    secret.isDisabled = isDisabled;
    secret.toggles += 1;
    if (!isDisabled) await this.ledger.resume(secret.id);
  }

  async #write(secret: ModelSecret, text: string): Promise<void> {
    if (secret.isDisabled || this.#isBusy(secret)) return;
    const version: ModelVersion = { number: secret.versions.length + 1, text, state: 'live' };
    await this.acts.write(secret, version);
    secret.versions.push(version);
    await this.ledger.desire(secret.id, desiredOf(secret));
  }

  async #changeVersion(
    secret: ModelSecret,
    from: string | undefined,
    to: 'live' | 'deleted' | 'destroyed',
  ): Promise<void> {
    const current = secret.versions.at(-1)!;
    if (secret.isDisabled || current.state === 'destroyed' || (from !== undefined && current.state !== from)) return;
    if (this.#isBusy(secret) || !(await this.acts.changeVersion(secret, to))) return;
    current.state = to;
    await this.ledger.desire(secret.id, desiredOf(secret));
  }

  async #delete(secret: ModelSecret, retain: boolean): Promise<void> {
    if (retain) {
      this.acts.vaultOf(secret).isRetained = true;
      for (const row of await this.ledger.list()) this.#vault(row.profileId).isRetained = true;
      secret.state = 'deleted';
      return this.ledger.forget(secret.id);
    }
    if (secret.state !== 'active' || this.#isBusy(secret) || !(await this.acts.remove(secret))) return;
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
    // It lives in the database.
    this.vaults[HOME]!.restore(this.#backup.home);
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
