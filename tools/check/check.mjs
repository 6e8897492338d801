// What `npm run check` runs: everything about the sources that needs no database and no peer, one line a step.
// With `--without-tests` for those who run `npm test` next.
import { requireNode } from '../start/node-version.mjs';

requireNode();
const { join } = await import('node:path');
const { ensureInstalled } = await import('../start/install-step.mjs');
const { runToEnd } = await import('../start/progress.mjs');
const { root } = await import('../start/root.mjs');

const node = (script, ...args) => ({ file: process.execPath, args: [join(root, script), ...args] });

/** @type {[name: string, command: { file: string, args: string[] }][]} */
const ALL = [
  ['format', node('node_modules/prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.')],
  ['lint', node('node_modules/oxlint/bin/oxlint')],
  ['types', node('node_modules/ts7/bin/tsc', '--noEmit')],
  [
    'dependencies',
    node(
      'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
      '--config',
      '.dependency-cruiser.cjs',
      'apps',
      'libs',
      'test',
      'bench',
    ),
  ],
  ['unit tests', node('tools/test/jest.mjs', '--selectProjects', 'unit')],
  ['generated files', node('tools/check/generate.mjs', '--check')],
];

const STEPS = process.argv.includes('--without-tests') ? ALL.filter(([name]) => name !== 'unit tests') : ALL;

await ensureInstalled();
let failures = 0;
for (const [name, { file, args }] of STEPS) {
  const startedAt = Date.now();
  const { code, signal, output } = await runToEnd(file, args);
  if (signal) process.exit(1);
  if (code !== 0) {
    failures += 1;
    process.stdout.write(`${output.trimEnd()}\n`);
  }
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`);
}
process.exitCode = failures === 0 ? 0 : 1;
