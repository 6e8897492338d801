import { systemContext, type RequestContext } from '@claviger/kernel';
import { AuditService } from '@claviger/features/audit';
import { FingerprintRenewal } from '@claviger/features/secrets';
import { AccessService } from '@claviger/features/access';
import { Keyring } from '@claviger/platform/crypto';
import { ProcessRegistry } from '@claviger/platform/telemetry';
import { FingerprintPass } from '../../features/src/keys/fingerprint-pass.js';
import type { RotationKind } from '../../features/src/keys/key-rotation.policy.js';
import { KeyRotationRepository } from '../../features/src/keys/key-rotation.repository.js';
import { KeyRotationService } from '../../features/src/keys/key-rotation.service.js';
import { KeyRotator } from '../../features/src/keys/key-rotator.js';
import { KeyStatusService } from '../../features/src/keys/key-status.service.js';
import { Resealing } from '../../features/src/keys/resealing.js';
import { captureLogs } from './log-capture.js';
import { createSecretRoom, type AheadClock, type OutsideKind, type SecretRoom } from './secret-room.js';
import type { TestDatabase } from './database.js';

// Not behind the door of libs/testing: whoever imports this loads most of the program.

/** One process with the rooms of secrets and keys; another one over the same database and vaults is another process. */
export class KeyProcess {
  readonly registry: ProcessRegistry;
  readonly keyring: Keyring;
  readonly rotations: KeyRotationService;
  readonly rotator: KeyRotator;
  readonly status: KeyStatusService;
  readonly resealing: Resealing;

  private constructor(readonly room: SecretRoom) {
    const { database } = room.db;
    this.keyring = room.get<Keyring>(Keyring as never);
    this.registry = new ProcessRegistry(database, captureLogs().logger, { kind: 'worker', version: '0' });
    this.registry.learnKeysBy(async () => {
      await this.keyring.refresh(database.pool);
      return { keyGeneration: this.keyring.generation ?? null, rootKeyIds: [...this.keyring.roots.ids] };
    });
    const rows = new KeyRotationRepository(database);
    const audit = new AuditService(database, this.keyring, room.clock);
    const access = room.get(AccessService);
    const queue = { enqueue: () => undefined };
    const on = [database, this.keyring, rows] as const;
    this.resealing = new Resealing(database, this.keyring);
    this.rotations = new KeyRotationService(...on, this.registry, access, audit, queue, room.clock);
    const pass = new FingerprintPass(database, rows, room.get(FingerprintRenewal), audit, room.clock);
    this.rotator = new KeyRotator(...on, this.resealing, pass, this.registry, audit, room.clock);
    this.status = new KeyStatusService(database, rows, this.registry, access);
  }

  static async start(db: TestDatabase, kind?: OutsideKind, clock?: AheadClock): Promise<KeyProcess> {
    const process = new KeyProcess(await createSecretRoom(db, kind, clock));
    await process.registry.beat();
    return process;
  }

  /** A job of this process. */
  get ctx(): RequestContext {
    return systemContext({ requestId: 'keys', storeId: this.keyring.rootStoreId, job: 'keys' });
  }

  /** Rotates a key to where nothing but time is left to pass. */
  async rotate(kind: RotationKind): Promise<string> {
    const { id } = await this.rotations.start(this.room.ctx, kind);
    await this.rotator.advance(this.ctx);
    return id;
  }

  /** The process is gone, as after kill -9, and so long that the others know. */
  async die(): Promise<void> {
    await this.registry.beforeApplicationShutdown();
  }
}
