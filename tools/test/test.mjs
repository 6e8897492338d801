// What `npm test` runs: makes sure of packages, build and peers, runs all tests, and sums them up in the last line.
// Arguments go on to Jest.
import { availableParallelism } from 'node:os';
import { requireNode } from '../start/node-version.mjs';

requireNode();
const { ensureInstalled } = await import('../start/install-step.mjs');
const { ensureBuilt } = await import('../start/build-step.mjs');
const { ensurePeers } = await import('../peers/install.mjs');
const { runJest } = await import('./run-jest.mjs');
const { splitProjects } = await import('./projects.mjs');
const { skippedTests, tally, tallyLine } = await import('./tally.mjs');
const { default: config } = await import('../../jest.config.js');

await ensureInstalled();
await ensureBuilt();

const peers = ensurePeers((line) => console.log(line));
const missing = peers.filter(({ path }) => !path);
for (const { name, why } of missing) console.log(`${name} is missing (${why}): the tests that need it are skipped.`);
if (missing.length > 0 && process.env.CI === 'true') {
  console.log('In CI every peer must be there.');
  process.exit(1);
}

const env = { ...process.env };
for (const { variable, path } of peers) {
  if (path) env[variable] = path;
  else delete env[variable];
}
const { projects, rest } = splitProjects(
  process.argv.slice(2),
  config.projects.map(({ displayName }) => displayName),
);
// A PostgreSQL comes with each.
const workers = Math.min(availableParallelism(), 4);
const runs = [];
// A process each: Jest keeps what the modules of every file left in memory until it ends.
for (const project of projects)
  runs.push(
    await runJest({
      args: ['--selectProjects', project, '--passWithNoTests', `--maxWorkers=${workers}`, ...rest],
      env,
    }),
  );
const finished = runs.filter((run) => run !== undefined);
const skipped = finished.flatMap(skippedTests);
if (skipped.length > 0) console.log(`Skipped:\n${skipped.map((name) => `  ${name}`).join('\n')}`);
const sum = tally(finished);
const isGood = finished.length === projects.length && finished.every(({ success }) => success);
if (finished.length < projects.length) console.log('A test run ended without results.');
process.exitCode = isGood && sum.passed > 0 && sum.failed === 0 ? 0 : 1;
console.log(tallyLine(sum));
