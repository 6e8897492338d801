import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { assertModel, modelTimeoutMs } from '../../../../test/model/replication/assert-model.js';
import { runModel } from '../../../../test/model/replication/model-run.js';
import { anyRun } from '../../../../test/model/replication/model-step.js';
import { PROFILE_IDS } from '../../../../test/model/replication/model-world.js';
import { StoredLedger } from '../../../../test/model/replication/stored-ledger.js';
import { StoredRoom } from '../../../../test/model/replication/stored-room.js';

/** The runs of the unit suite are in memory; these show that PostgreSQL does the same. */
const RUNS = 30;
const PER_RUN_MS = 5_000;

describe('replication, as a model on a real database', () => {
  let room: StoredRoom;

  beforeAll(async () => {
    room = await StoredRoom.open(undefined, PROFILE_IDS);
    // The model's profiles are switched on and off beside the database: whoever waits is looked at each time.
    await room.sql(`update vault_instance set updated_at = now() + interval '1 day'`);
  });
  afterAll(() => room.drop());

  it(
    'brings every target to what its source holds, whatever happens on the way',
    () =>
      assertModel(
        anyRun({ maxSteps: 40, restores: false }),
        async (run, tell) => {
          await room.sql('delete from sync_target');
          await room.sql('delete from secret');
          await runModel(run, { tell, makeLedger: (world) => new StoredLedger({ room, ...world }) });
        },
        RUNS,
      ),
    modelTimeoutMs(RUNS, PER_RUN_MS),
  );
});
