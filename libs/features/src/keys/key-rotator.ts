import { Inject, Injectable } from '@nestjs/common';
import { AuditService } from '@claviger/features/audit';
import { CLOCK, faultPoint, type Clock, type RequestContext } from '@claviger/kernel';
import { activateStoreKey, destroyStoreKey, Keyring, renewKeyEncryptionKey } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { ProcessRegistry } from '@claviger/platform/telemetry';
import { FingerprintPass } from './fingerprint-pass.js';
import type { KeyRotationEntity, RotationPosition } from './key-rotation.entity.js';
import { afterPass, laggardsOf, nextStep, SETTLING_MS, type RotationStep } from './key-rotation.policy.js';
import { KeyRotationRepository } from './key-rotation.repository.js';
import { keyStorage } from './key-storage.js';
import { isPastAll, Resealing } from './resealing.js';

const START: RotationPosition = { column: 0, after: null };
/** Long work is done in turns, so that other work of the same lane gets its own. */
const TURN_MS = 30_000;
const plus = (count: string, more: number): string => String(BigInt(count) + BigInt(more));

type Step = Exclude<RotationStep, 'wait' | 'none'>;

/**
 * Carries rotations on, step by step, each step in a transaction of its own: a process that dies leaves what it has done,
 * and the next goes on from there. Several may run at once; a locked row keeps them apart.
 */
@Injectable()
export class KeyRotator {
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly rotations: KeyRotationRepository,
    private readonly resealing: Resealing,
    private readonly fingerprints: FingerprintPass,
    private readonly processes: ProcessRegistry,
    private readonly audit: AuditService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Takes every rotation as far as it goes within half a minute, or until the context's signal says that it is over. */
  async advance(ctx: RequestContext): Promise<void> {
    const until = this.clock.now().getTime() + TURN_MS;
    const failures: unknown[] = [];
    // One that fails does not keep the others from going on.
    for (const rotation of await this.rotations.listOpen(ctx))
      await this.#advance(ctx, rotation, until).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  async #advance(ctx: RequestContext, found: KeyRotationEntity, until: number): Promise<void> {
    let rotation: KeyRotationEntity | undefined = found;
    while (rotation && !ctx.signal?.aborted && this.clock.now().getTime() < until) {
      const step = nextStep(rotation, { laggards: await this.#countLaggards(rotation), now: this.clock.now() });
      if (step === 'wait' || step === 'none') return;
      // This process stood still while the others learnt of the key, and would renew with the old one.
      if (step === 'renew' && !this.#knowsKeyOf(rotation)) return;
      rotation = await this.#take(ctx, rotation, step);
    }
  }

  #knowsKeyOf({ kind, storeId, toKeyId }: KeyRotationEntity): boolean {
    return (kind !== 'data' && kind !== 'fingerprint') || this.keyring.keyIds(storeId, kind)[0] === toKeyId;
  }

  async #countLaggards({ state, keyGeneration }: KeyRotationEntity): Promise<number> {
    if ((state !== 'adding' && state !== 'switching') || keyGeneration === null) return 0;
    // This process knows them first, and must not be what it waits for.
    await this.processes.beat();
    return laggardsOf(await this.processes.listLive(), keyGeneration).length;
  }

  /** The rotation after one step; undefined when it is not for this process to go on. */
  async #take(ctx: RequestContext, found: KeyRotationEntity, step: Step): Promise<KeyRotationEntity | undefined> {
    if (step === 'renew' && found.kind === 'fingerprint') return this.fingerprints.step(ctx, found);
    const next = await this.database.transaction(ctx, async (tx) => {
      const rotation = await this.rotations.claim(tx, found);
      if (!rotation) return undefined;
      const set = await this.#steps[step](tx, rotation);
      const updatedAt = this.clock.now();
      await this.rotations.update(tx, rotation.id, { ...set, updatedAt });
      faultPoint('key-rotation.stepping');
      return { ...rotation, ...set, updatedAt };
    });
    faultPoint('key-rotation.stepped');
    return next;
  }

  readonly #steps: Readonly<
    Record<Step, (tx: RequestContext, rotation: KeyRotationEntity) => Promise<Partial<KeyRotationEntity>>>
  > = {
    activate: async (tx, { toKeyId }) => ({
      state: 'switching',
      keyGeneration: await activateStoreKey(keyStorage(this.database, tx), toKeyId!),
    }),
    begin: async (tx, { kind }) => {
      const total = kind === 'data' ? await this.resealing.count(tx) : await this.fingerprints.count(tx);
      return { state: 'renewing', position: START, total: String(total) };
    },
    renew: (tx, rotation) => (rotation.kind === 'kek' ? this.#renewKek(tx, rotation) : this.#reseal(tx, rotation)),
    settle: (tx, rotation) => this.#settle(tx, rotation),
  };

  async #renewKek(tx: RequestContext, rotation: KeyRotationEntity): Promise<Partial<KeyRotationEntity>> {
    const { from, to, count } = await renewKeyEncryptionKey(keyStorage(this.database, tx), this.keyring.roots);
    const set = { fromKeyId: from, toKeyId: to, total: String(count), done: String(count), failed: '0' } as const;
    return this.#end(tx, rotation, set);
  }

  async #reseal(tx: RequestContext, rotation: KeyRotationEntity): Promise<Partial<KeyRotationEntity>> {
    const position = rotation.position ?? START;
    if (isPastAll(position)) return this.#endPass(tx, position.renewed ?? 0);
    const batch = await this.resealing.batch(tx, position);
    const renewed = (position.renewed ?? 0) + batch.resealed;
    return { done: plus(rotation.done, batch.resealed), position: { ...batch.next, renewed } };
  }

  /** In a transaction that holds no rows: to count takes longer than a batch. */
  async #endPass(tx: RequestContext, renewed: number): Promise<Partial<KeyRotationEntity>> {
    const left = await this.resealing.count(tx);
    if (afterPass(left, renewed) === 'again') return { position: START };
    return { failed: String(left), position: null, state: 'settling', settlesAt: this.#later() };
  }

  /** Destroys the old key once nothing is sealed under it; else renews what has come meanwhile, and looks again later. */
  async #settle(tx: RequestContext, rotation: KeyRotationEntity): Promise<Partial<KeyRotationEntity>> {
    const fromKeyId = rotation.fromKeyId!;
    let { done } = rotation;
    if ((await this.resealing.count(tx, fromKeyId)) > 0) {
      for (let position = START; !isPastAll(position);) {
        const batch = await this.resealing.batch(tx, position, fromKeyId);
        done = plus(done, batch.resealed);
        position = batch.next;
      }
    }
    const left = await this.resealing.count(tx, fromKeyId);
    if (left > 0) return { done, failed: String(left), settlesAt: this.#later() };
    await destroyStoreKey(keyStorage(this.database, tx), fromKeyId);
    return this.#end(tx, rotation, { done, failed: '0' });
  }

  #later(): Date {
    return new Date(this.clock.now().getTime() + SETTLING_MS);
  }

  async #end(
    tx: RequestContext,
    { id, kind, toKeyId, fromKeyId }: KeyRotationEntity,
    set: Partial<KeyRotationEntity>,
  ): Promise<Partial<KeyRotationEntity>> {
    const details = { from: set.fromKeyId ?? fromKeyId, to: set.toKeyId ?? toKeyId };
    const resource = { kind: 'key', id, name: kind };
    const event = { action: 'key.rotated', outcome: 'allowed', resource, details } as const;
    await this.audit.record(tx, this.audit.entry(tx, event));
    return { ...set, state: 'done', position: null, endedAt: this.clock.now() };
  }
}
