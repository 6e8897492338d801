import { Injectable } from '@nestjs/common';
import { AccessService } from '@claviger/features/access';
import type { RequestContext } from '@claviger/kernel';
import type { KeyPurpose } from '@claviger/platform/crypto';
import { Database } from '@claviger/platform/database';
import { ProcessRegistry } from '@claviger/platform/telemetry';
import type { KeyRotationEntity } from './key-rotation.entity.js';
import { laggardsOf } from './key-rotation.policy.js';
import { KeyRotationRepository } from './key-rotation.repository.js';

/** One key, never what it is: its id and what it does. */
export type KeyView = {
  readonly kind: 'root' | 'kek' | KeyPurpose;
  readonly id: string;
  /** False for one that only opens, or verifies, what it made before. */
  readonly isActive: boolean;
  /** Unknown for a root key. */
  readonly createdAt: Date | null;
};

/** A rotation under way, with the processes that it waits for. */
export type OpenRotation = {
  readonly rotation: KeyRotationEntity;
  readonly waitsFor: readonly { readonly kind: string; readonly id: string }[];
};

export type KeyStatus = { readonly keys: readonly KeyView[]; readonly rotations: readonly OpenRotation[] };

const PATH = 'claviger/keys';

/** Which keys there are, and how far their rotations have come. */
@Injectable()
export class KeyStatusService {
  constructor(
    private readonly database: Database,
    private readonly rotations: KeyRotationRepository,
    private readonly processes: ProcessRegistry,
    private readonly access: AccessService,
  ) {}

  /** @throws AppError ACCESS_DENIED */
  async get(ctx: RequestContext): Promise<KeyStatus> {
    this.access.authorize(ctx, PATH, 'read');
    const [keys, open, live] = await Promise.all([
      this.#keys(ctx),
      this.rotations.listOpen(ctx),
      this.processes.listLive(),
    ]);
    const rotations = open.map((rotation) => {
      const { state, keyGeneration } = rotation;
      const isWaiting = (state === 'adding' || state === 'switching') && keyGeneration !== null;
      const waitsFor = isWaiting ? laggardsOf(live, keyGeneration).map(({ kind, id }) => ({ kind, id })) : [];
      return { rotation, waitsFor };
    });
    return { keys, rotations };
  }

  async #keys(ctx: RequestContext): Promise<KeyView[]> {
    const rows = (await this.database.manager(ctx).query(
      `select 'root' as kind, root_key_id as id, true as "isActive", null::timestamptz as "createdAt"
       from key_encryption_key group by root_key_id
       union all select 'kek', id, true, created_at from key_encryption_key
       union all select purpose, id, is_active, created_at from store_key where store_id = $1`,
      [ctx.storeId],
    )) as KeyView[];
    const place = ({ kind, isActive }: KeyView): string => `${ORDER.indexOf(kind)}${isActive ? 0 : 1}`;
    return rows.sort((a, b) => place(a).localeCompare(place(b)) || (a.id < b.id ? -1 : 1));
  }
}

const ORDER: readonly KeyView['kind'][] = ['root', 'kek', 'data', 'fingerprint', 'access', 'audit', 'ownership'];
