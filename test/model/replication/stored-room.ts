import { newId, type Clock, type RequestContext } from '@claviger/kernel';
import type { Keyring } from '@claviger/platform/crypto';
import { createTestDatabase, FakeClock, testContext, testKeyring, type TestDatabase } from '@claviger/testing';
import { SecretEntity, SecretVersionEntity } from '@claviger/features/secrets';
import { VAULT_PROFILE_ENTITIES } from '@claviger/features/vault-profiles';
import { SyncTargetEntity, type ConflictPolicy } from '../../../libs/features/src/replication/sync-target.entity.js';
import { TargetLedger, type DesiredContent } from '../../../libs/features/src/replication/target-ledger.js';
import { TargetRepository } from '../../../libs/features/src/replication/target.repository.js';

export type WakeUp = { readonly secretId: string; readonly lane: string };

/** The rows of targets in a real PostgreSQL, with what they refer to. */
export class StoredRoom {
  readonly wakeUps: WakeUp[] = [];
  readonly targets: TargetRepository;
  readonly ledger: TargetLedger;
  readonly profileIds: string[] = [];

  private constructor(
    readonly db: TestDatabase,
    readonly keyring: Keyring,
    readonly ctx: RequestContext,
    readonly clock: Clock,
  ) {
    const { database } = db;
    this.targets = new TargetRepository(database);
    const wake = (_storeId: string, secretId: string, lane: string): void => void this.wakeUps.push({ secretId, lane });
    this.ledger = new TargetLedger(database, { wake } as never, clock);
  }

  /** A room with three profiles of one instance, and a database that the restore guard knows. */
  static async open(clock: Clock = new FakeClock(), profileIds = [newId(), newId(), newId()]): Promise<StoredRoom> {
    const db = await createTestDatabase([
      ...VAULT_PROFILE_ENTITIES,
      SecretEntity,
      SecretVersionEntity,
      SyncTargetEntity,
    ]);
    const keyring = await testKeyring(db.database);
    const room = new StoredRoom(db, keyring, testContext({ storeId: keyring.rootStoreId }), clock);
    await room.sql(
      `insert into database_epoch (id, system_identifier) select 1, system_identifier::text from pg_control_system()`,
    );
    const instanceId = newId();
    const values = [keyring.rootStoreId, instanceId];
    await room.sql(
      `insert into vault_instance (store_id, id, name, kind, config, credentials) values ($1, $2, 'i', 'fake', '{}', '')`,
      values,
    );
    for (const profileId of profileIds) {
      await room.sql(
        `insert into vault_profile (store_id, id, name, instance_id, mount) values ($1, $2, $3, $4, 'secret')`,
        [keyring.rootStoreId, profileId, `profile-${profileId}`, instanceId],
      );
      room.profileIds.push(profileId);
    }
    return room;
  }

  drop(): Promise<void> {
    return this.db.drop();
  }

  async sql<Row = Record<string, unknown>>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const { rows } = await this.db.database.pool.query(text, [...values]);
    return rows as Row[];
  }

  /** Runs in a transaction. */
  in<T>(work: (tx: RequestContext) => Promise<T>): Promise<T> {
    return this.db.database.transaction(this.ctx, work);
  }

  async addSecret(id: string = newId()): Promise<string> {
    await this.sql(
      `insert into secret (store_id, id, name, type, state, source_profile_id, physical_name, created_by)
       values ($1, $2, $4, 'generic', 'active', $3, $4, '{}')`,
      [this.ctx.storeId, id, this.profileIds[2], id],
    );
    return id;
  }

  async addTarget(
    secretId: string,
    index = 0,
    { onConflict = 'fail', ...desired }: Partial<DesiredContent> & { onConflict?: ConflictPolicy } = {},
  ): Promise<void> {
    const profileId = this.profileIds[index]!;
    await this.in((tx) =>
      this.ledger.add(tx, {
        secretId,
        profileId,
        physicalName: secretId,
        onConflict,
        desired: { version: 1, fingerprint: 'one', presence: 'present', ...desired },
      }),
    );
  }

  async rows(secretId?: string): Promise<SyncTargetEntity[]> {
    const where = secretId === undefined ? {} : { secretId };
    return this.db.database.repository(this.ctx, SyncTargetEntity).find({ where, order: { profileId: 'ASC' } });
  }

  async row(secretId: string, index = 0): Promise<SyncTargetEntity> {
    const profileId = this.profileIds[index]!;
    return (await this.rows(secretId)).find((row) => row.profileId === profileId)!;
  }

  async set(secretId: string, set: Partial<SyncTargetEntity>): Promise<void> {
    await this.db.database.repository(this.ctx, SyncTargetEntity).update({ secretId }, set as never);
  }

  /** As in the row, so that times of the test compare with the clock's. */
  at(ms: number): Date {
    return new Date(this.clock.now().getTime() + ms);
  }
}
