/** Sums of tests over any number of Jest runs. A suite that could not run at all counts as one failed test. */
export function tally(runs) {
  const sum = (pick) => runs.reduce((total, run) => total + pick(run), 0);
  return {
    passed: sum((run) => run.numPassedTests),
    failed: sum((run) => run.numFailedTests + run.numRuntimeErrorTestSuites),
    skipped: sum((run) => run.numPendingTests + run.numTodoTests),
  };
}

/** Full names of the tests that were skipped, sorted. */
export function skippedTests(run) {
  const isSkipped = ({ status }) => status === 'pending' || status === 'skipped' || status === 'todo';
  return run.testResults
    .flatMap(({ assertionResults }) => assertionResults.filter(isSkipped).map(({ fullName }) => fullName))
    .sort();
}

/** The last line of every test run. */
export function tallyLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
