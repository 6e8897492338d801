import fc from 'fast-check';
import type { ModelRun } from './model-step.js';

/** Runs in CI and elsewhere; any other number with CLAVIGER_MODEL_RUNS. */
const RUNS = process.env['CI'] === 'true' ? 1_000 : 300;

/** How long so many runs may take, on a slow machine, before it is taken for a hang. */
export function modelTimeoutMs(defaultRuns = RUNS, perRunMs = 200): number {
  return 60_000 + (numberFrom('CLAVIGER_MODEL_RUNS') ?? defaultRuns) * perRunMs;
}

/**
 * Holds that no run fails. Prints the seed; CLAVIGER_MODEL_SEED repeats it. A failing run is shrunk and told as steps.
 *
 * @throws Error with what is wrong and the shortest run found that shows it
 */
export async function assertModel(
  runs: fc.Arbitrary<ModelRun>,
  hold: (run: ModelRun, tell?: (line: string) => void) => Promise<void>,
  defaultRuns = RUNS,
): Promise<void> {
  const { CLAVIGER_MODEL_REPEAT: repeated } = process.env;
  if (repeated) return hold(JSON.parse(repeated) as ModelRun, (line) => process.stdout.write(`${line}\n`));
  const numRuns = numberFrom('CLAVIGER_MODEL_RUNS') ?? defaultRuns;
  const seed = numberFrom('CLAVIGER_MODEL_SEED') ?? Date.now() % 2 ** 31;
  process.stdout.write(`model: ${numRuns} runs with CLAVIGER_MODEL_SEED=${seed}\n`);
  const found = await fc.check(
    fc.asyncProperty(runs, (run) => hold(run)),
    { numRuns, seed },
  );
  if (!found.failed) return;
  const { numRuns: failedAt, numShrinks, errorInstance, counterexample } = found;
  const head = `Run ${failedAt} of ${numRuns} fails (CLAVIGER_MODEL_SEED=${seed}, shrunk ${numShrinks} times):`;
  const repeat = `CLAVIGER_MODEL_REPEAT='${JSON.stringify(counterexample![0])}' repeats it, told act by act.`;
  throw new Error(`${head}\n${(errorInstance as Error).message}\n\n${repeat}`);
}

function numberFrom(variable: string): number | undefined {
  const text = process.env[variable];
  return text === undefined || text === '' ? undefined : Number(text);
}
