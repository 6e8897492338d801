// Measures Claviger side by side with what it is compared with: npm run bench [-- --only content,start] [--seconds 8]
import { register } from 'node:module';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { parseArgs } from 'node:util';
import { requireNode } from '../tools/start/node-version.mjs';

requireNode();
const { ensureInstalled } = await import('../tools/start/install-step.mjs');
const { ensureBuilt } = await import('../tools/start/build-step.mjs');

/** Parts by name, in the order in which they run. */
const PARTS = ['content', 'apis', 'gates', 'replication', 'start', 'rates', 'compliance'];
const RESULTS = new URL('./results/', import.meta.url);

const { values } = parseArgs({
  options: { only: { type: 'string', default: PARTS.join(',') }, seconds: { type: 'string', default: '8' } },
});
const chosen = values.only.split(',');
const unknown = chosen.find((part) => !PARTS.includes(part));
if (unknown !== undefined) {
  console.error(`There is no part ${unknown}; there are ${PARTS.join(', ')}.`);
  process.exit(1);
}

await ensureInstalled();
await ensureBuilt();
const { ensurePeers } = await import('../tools/peers/install.mjs');
const [bao] = ensurePeers((line) => console.log(line), ['OpenBao']);
if (!bao.path) {
  console.error(`OpenBao is missing (${bao.why}), and it is what Claviger is compared with.`);
  process.exit(1);
}
process.env[bao.variable] = bao.path;
register('../test/setup/typescript-hooks.mjs', import.meta.url);
const { formatReport } = await import('./harness/figures.ts');

// A signal ends through `exit`, so that every child is told.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

const startedAt = new Date();
const reports = {};
for (const part of PARTS.filter((name) => chosen.includes(name))) {
  const { run } = await import(`./${part}.bench.ts`);
  const loadBefore = loadavg()[0];
  reports[part] = { loadBefore, ...(await run({ seconds: Number(values.seconds) })) };
  console.log(formatReport(reports[part]));
}

mkdirSync(RESULTS, { recursive: true });
const result = {
  startedAt: startedAt.toISOString(),
  machine: { cpus: cpus().length, model: cpus()[0]?.model, kernel: release(), node: process.version },
  parts: reports,
};
const text = `${JSON.stringify(result, null, 2)}\n`;
for (const name of [`${startedAt.toISOString().replaceAll(':', '-')}.json`, 'latest.json'])
  writeFileSync(new URL(name, RESULTS), text);
