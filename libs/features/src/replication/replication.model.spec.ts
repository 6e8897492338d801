import { describe, it } from '@jest/globals';
import { anyRun } from '../../../../test/model/replication/model-step.js';
import { runModel } from '../../../../test/model/replication/model-run.js';
import { assertModel } from '../../../../test/model/replication/assert-model.js';

describe('replication, as a model', () => {
  it('brings every target to what its source holds, whatever happens on the way', async () => {
    await assertModel(anyRun({ maxSteps: 60, restores: false }), (run, tell) => runModel(run, { tell }));
  });

  it('never pushes old values over new ones after the database was put back to an earlier state', async () => {
    await assertModel(anyRun({ maxSteps: 60, restores: true }), (run, tell) => runModel(run, { tell }));
  });
});
