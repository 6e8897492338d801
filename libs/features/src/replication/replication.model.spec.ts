import { describe, it } from '@jest/globals';
import { assertModel, modelTimeoutMs } from '../../../../test/model/replication/assert-model.js';
import { anyRun } from '../../../../test/model/replication/model-step.js';
import { runModel } from '../../../../test/model/replication/model-run.js';

const MAX_STEPS = 60;

describe('replication, as a model', () => {
  it(
    'brings every target to what its source holds, whatever happens on the way',
    () => assertModel(anyRun({ maxSteps: MAX_STEPS, restores: false }), (run, tell) => runModel(run, { tell })),
    modelTimeoutMs(),
  );

  it(
    'never pushes old values over new ones after the database was put back to an earlier state',
    () => assertModel(anyRun({ maxSteps: MAX_STEPS, restores: true }), (run, tell) => runModel(run, { tell })),
    modelTimeoutMs(),
  );
});
