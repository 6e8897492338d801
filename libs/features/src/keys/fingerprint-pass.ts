import { Inject, Injectable } from '@nestjs/common';
import { AuditService } from '@claviger/features/audit';
import { FingerprintRenewal } from '@claviger/features/secrets';
import { CLOCK, faultPoint, type Clock, type RequestContext } from '@claviger/kernel';
import { Database } from '@claviger/platform/database';
import pLimit from 'p-limit';
import type { KeyRotationEntity } from './key-rotation.entity.js';
import { KeyRotationRepository } from './key-rotation.repository.js';

const BATCH = 20;
/** Secrets that are read at the same time, each from its source. */
const AT_ONCE = 4;

/** Renews the fingerprints of current versions, secret by secret. Sources are asked outside of any transaction. */
@Injectable()
export class FingerprintPass {
  constructor(
    private readonly database: Database,
    private readonly rotations: KeyRotationRepository,
    private readonly renewal: FingerprintRenewal,
    private readonly audit: AuditService,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** How many secrets are to be renewed. */
  count(ctx: RequestContext): Promise<number> {
    return this.renewal.count(ctx);
  }

  /** Renews the next few; the rotation then, or undefined when another process was faster. */
  async step(ctx: RequestContext, found: KeyRotationEntity): Promise<KeyRotationEntity | undefined> {
    const ids = await this.renewal.list(ctx, BATCH, found.position?.after?.[0]);
    const limit = pLimit(AT_ONCE);
    const outcomes = await Promise.all(ids.map((id) => limit(() => this.renewal.renew(ctx, id))));
    const renewed = outcomes.filter(Boolean).length;
    const next = await this.database.transaction(ctx, async (tx) => {
      const rotation = await this.rotations.claim(tx, found);
      // What both have renewed is renewed once; the count is that of the one who comes first.
      if (!rotation || rotation.position?.after?.[0] !== found.position?.after?.[0]) return undefined;
      const set = await this.#after(tx, rotation, ids, renewed);
      await this.rotations.update(tx, rotation.id, set);
      faultPoint('key-rotation.stepping');
      return { ...rotation, ...set };
    });
    faultPoint('key-rotation.stepped');
    return next;
  }

  async #after(
    tx: RequestContext,
    rotation: KeyRotationEntity,
    ids: readonly string[],
    renewed: number,
  ): Promise<Partial<KeyRotationEntity>> {
    const now = this.clock.now();
    const done = String(BigInt(rotation.done) + BigInt(renewed));
    if (ids.length === BATCH) return { done, position: { column: 0, after: [ids.at(-1)!] }, updatedAt: now };
    // What could not be read now is renewed when its source is next verified.
    const failed = String(await this.renewal.count(tx));
    const resource = { kind: 'key', id: rotation.id, name: rotation.kind };
    const details = { from: rotation.fromKeyId, to: rotation.toKeyId };
    const event = { action: 'key.rotated', outcome: 'allowed', resource, details } as const;
    await this.audit.record(tx, this.audit.entry(tx, event));
    return { done, failed, state: 'done', position: null, updatedAt: now, endedAt: now };
  }
}
