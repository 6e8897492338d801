import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { captureLogs } from '@claviger/testing';
import { StoredRoom } from '../../../../test/model/replication/stored-room.js';
import { DatabaseEpochs } from './database-epoch.js';
import type { Claimed } from './target.repository.js';

describe('DatabaseEpochs', () => {
  const logs = captureLogs();
  let room: StoredRoom;
  let epochs: DatabaseEpochs;
  let secretId: string;

  beforeAll(async () => {
    room = await StoredRoom.open();
    epochs = new DatabaseEpochs(room.db.database, room.targets, room.keyring, logs.logger);
  });
  beforeEach(async () => {
    await room.sql('delete from sync_target');
    await room.sql('delete from database_epoch');
    await epochs.onModuleInit();
    secretId = await room.addSecret();
    await room.addTarget(secretId);
  });
  afterAll(() => room.drop());

  /** As a dump of this database looks that was restored elsewhere. */
  const moveElsewhere = (): Promise<unknown> => room.sql(`update database_epoch set system_identifier = 'another'`);
  const claim = (): Promise<Claimed> =>
    room.targets.claim(room.ctx, secretId, {
      owner: 'worker',
      now: room.at(0),
      until: room.at(45_000),
      lateUntil: room.at(75_000),
    });

  it('remembers the database on the first start, and knows it on the next', async () => {
    await epochs.onModuleInit();
    expect(await epochs.isPaused(room.ctx)).toBe(false);
    expect((await claim()).targets).toHaveLength(1);
  });

  it('pauses everything in a database that was restored or copied, and says so at every target', async () => {
    await moveElsewhere();
    await epochs.onModuleInit();
    expect(await epochs.isPaused(room.ctx)).toBe(true);
    expect(logs.lines('replication.paused_restored_database')).toHaveLength(1);
    expect(await room.row(secretId)).toMatchObject({ status: 'paused', errorCode: 'DATABASE_RESTORED' });
    expect((await claim()).targets).toEqual([]);
  });

  it('stays paused after another start, until somebody accepts', async () => {
    await moveElsewhere();
    for (let start = 0; start < 2; start += 1) await epochs.onModuleInit();
    expect(await epochs.isPaused(room.ctx)).toBe(true);
  });

  it('goes on once it is accepted, and each target looks before it writes', async () => {
    const lost = 'an earlier life/00000001';
    await room.set(secretId, { verifiedEpoch: lost });
    await moveElsewhere();
    await epochs.onModuleInit();
    await room.in((tx) => epochs.accept(tx));
    expect(await epochs.isPaused(room.ctx)).toBe(false);
    await room.sql('update sync_target set next_attempt_at = $1', [room.at(0)]);
    const { targets, epoch } = await claim();
    expect(targets[0]).toMatchObject({ status: 'pending', errorCode: null, isLookDue: true, verifiedEpoch: lost });
    expect(epoch).not.toBe(lost);
  });

  it('refuses to accept what is not paused', async () => {
    await expect(room.in((tx) => epochs.accept(tx))).rejects.toMatchObject({ code: 'NOT_PAUSED' });
  });

  it('leaves a target that an operator may not have meant as it is', async () => {
    await room.set(secretId, { status: 'foreign', errorCode: 'TARGET_NOT_OURS', nextAttemptAt: null });
    await moveElsewhere();
    await room.in((tx) => epochs.accept(tx));
    expect(await room.row(secretId)).toMatchObject({ status: 'foreign', nextAttemptAt: null });
  });
});
