import { Inject, Injectable } from '@nestjs/common';
import { AuditService } from '@claviger/features/audit';
import { CLOCK, faultPoint, type Clock, type RequestContext } from '@claviger/kernel';
import { activateStoreKey, destroyStoreKey, Keyring, renewKeyEncryptionKey } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { ProcessRegistry } from '@claviger/platform/telemetry';
import { FingerprintPass } from './fingerprint-pass.js';
import type { KeyRotationEntity } from './key-rotation.entity.js';
import { afterPass, laggardsOf, nextStep, SETTLING_MS, type RotationStep } from './key-rotation.policy.js';
import { KeyRotationRepository } from './key-rotation.repository.js';
import { keyStorage } from './key-storage.js';
import { Resealing } from './resealing.js';

const START = { column: 0, after: null } as const;
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
      rotation = await this.#take(ctx, rotation, step);
    }
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
    const batch = await this.resealing.batch(tx, rotation.position ?? START);
    const done = plus(rotation.done, batch.resealed);
    const renewedInPass = (rotation.position?.renewed ?? 0) + batch.resealed;
    const failed = plus(rotation.failed, batch.failed);
    if (batch.next) return { done, failed, position: { ...batch.next, renewed: renewedInPass } };
    const left = await this.resealing.count(tx);
    if (afterPass(left, renewedInPass) === 'again') return { done, failed: '0', position: START };
    const settlesAt = new Date(this.clock.now().getTime() + SETTLING_MS);
    return { done, failed: String(left), position: null, state: 'settling', settlesAt };
  }

  /** Destroys the old key once nothing is sealed under it; else renews what has come meanwhile, and looks again later. */
  async #settle(tx: RequestContext, rotation: KeyRotationEntity): Promise<Partial<KeyRotationEntity>> {
    const fromKeyId = rotation.fromKeyId!;
    let done = rotation.done;
    if ((await this.resealing.count(tx, fromKeyId)) > 0) {
      for (let position = START as Parameters<Resealing['batch']>[1] | undefined; position;) {
        const batch = await this.resealing.batch(tx, position);
        done = plus(done, batch.resealed);
        position = batch.next;
      }
    }
    const left = await this.resealing.count(tx, fromKeyId);
    const settlesAt = new Date(this.clock.now().getTime() + SETTLING_MS);
    if (left > 0) return { done, failed: String(left), settlesAt };
    await destroyStoreKey(keyStorage(this.database, tx), fromKeyId);
    return this.#end(tx, rotation, { done, failed: '0' });
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
