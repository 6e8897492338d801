import { Inject, Injectable } from '@nestjs/common';
import { AccessService } from '@claviger/features/access';
import { AuditService } from '@claviger/features/audit';
import { requesterOf } from '@claviger/features/changes';
import { CLOCK, newId, type Clock, type RequestContext } from '@claviger/kernel';
import { addStoreKey, Keyring, rewrapUnderRoot } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { JobQueue } from '@claviger/platform/queue';
import { ProcessRegistry } from '@claviger/platform/telemetry';
import { traceOf } from '@claviger/platform/tracing';
import type { KeyRotationEntity } from './key-rotation.entity.js';
import { withoutRootKey, type RotationKind } from './key-rotation.policy.js';
import { KeyRotationRepository } from './key-rotation.repository.js';
import { keyStorage } from './key-storage.js';
import { rootKeyNotEverywhere, rootKeyNotGiven, rotationNotFound } from './keys.errors.js';
import { ADVANCE_KEY_ROTATIONS } from './keys.jobs.js';

const PATH = 'claviger/keys';

/** Starts rotations of keys; they go on in the background. */
@Injectable()
export class KeyRotationService {
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    private readonly rotations: KeyRotationRepository,
    private readonly processes: ProcessRegistry,
    private readonly access: AccessService,
    private readonly audit: AuditService,
    private readonly queue: JobQueue,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError ACCESS_DENIED, KEY_ROTATION_NOT_FOUND */
  async get(ctx: RequestContext, id: string): Promise<KeyRotationEntity> {
    this.access.authorize(ctx, PATH, 'read');
    const rotation = await this.rotations.find(ctx, id);
    if (!rotation) throw rotationNotFound();
    return rotation;
  }

  /** Newest first, from before one on. @throws AppError ACCESS_DENIED */
  async list(ctx: RequestContext, limit: number, before?: string): Promise<KeyRotationEntity[]> {
    this.access.authorize(ctx, PATH, 'read');
    return this.rotations.list(ctx, limit, before);
  }

  /**
   * Begins to replace a key. That of the root key is done when this returns: it takes one row.
   * @throws AppError ACCESS_DENIED, KEY_ROTATION_UNDER_WAY, ROOT_KEY_NOT_GIVEN, ROOT_KEY_NOT_EVERYWHERE
   */
  async start(ctx: RequestContext, kind: RotationKind): Promise<KeyRotationEntity> {
    this.access.authorize(ctx, PATH, 'update');
    return this.database.transaction(ctx, async (tx) => {
      const rotation = kind === 'root' ? await this.#rotateRoot(tx) : await this.#prepare(tx, kind);
      await this.rotations.insert(tx, rotation);
      const resource = { kind: 'key', id: rotation.id, name: kind };
      const details = { from: rotation.fromKeyId, to: rotation.toKeyId };
      const event = { action: 'key.rotate', outcome: 'allowed', resource, details } as const;
      await this.audit.record(tx, this.audit.entry(tx, event));
      this.database.afterCommit(tx, () =>
        this.queue.enqueue(ADVANCE_KEY_ROTATIONS, {}, { lane: 'user', ...traceOf(tx) }),
      );
      return rotation;
    });
  }

  async #prepare(tx: RequestContext, kind: Exclude<RotationKind, 'root'>): Promise<KeyRotationEntity> {
    if (kind === 'kek') return this.#row(tx, { kind, state: 'renewing' });
    const [fromKeyId = null] = this.keyring.keyIds(tx.storeId, kind);
    const { storeId } = tx;
    const storage = keyStorage(this.database, tx);
    const { keyId, generation } = await addStoreKey(storage, this.keyring.roots, { storeId, purpose: kind });
    return this.#row(tx, { kind, state: 'adding', fromKeyId, toKeyId: keyId, keyGeneration: generation });
  }

  async #rotateRoot(tx: RequestContext): Promise<KeyRotationEntity> {
    const { roots } = this.keyring;
    const lacking = withoutRootKey(await this.processes.listLive(), roots.current.id);
    if (lacking.length > 0) throw rootKeyNotEverywhere(lacking.map(({ kind, id }) => `${kind} ${id}`));
    const [old] = await rewrapUnderRoot(keyStorage(this.database, tx), roots);
    if (old === undefined) throw rootKeyNotGiven();
    const done = { state: 'done', done: '1', total: '1', endedAt: this.clock.now() } as const;
    return this.#row(tx, { kind: 'root', ...done, fromKeyId: old, toKeyId: roots.current.id });
  }

  #row(
    tx: RequestContext,
    set: Pick<KeyRotationEntity, 'kind' | 'state'> & Partial<KeyRotationEntity>,
  ): KeyRotationEntity {
    const now = this.clock.now();
    return {
      storeId: tx.storeId,
      id: newId(now.getTime()),
      fromKeyId: null,
      toKeyId: null,
      keyGeneration: null,
      position: null,
      total: '0',
      done: '0',
      failed: '0',
      requestedBy: requesterOf(tx),
      createdAt: now,
      updatedAt: now,
      settlesAt: null,
      endedAt: null,
      ...set,
    };
  }
}
