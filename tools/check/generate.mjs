// Writes every generated file, or with --check says which are out of date: node tools/check/generate.mjs [--check]
import { requireNode } from '../start/node-version.mjs';

requireNode();
const { mkdirSync, readFileSync, writeFileSync } = await import('node:fs');
const { dirname, join } = await import('node:path');
const { ensureInstalled } = await import('../start/install-step.mjs');
const { ensureBuilt } = await import('../start/build-step.mjs');
const { root } = await import('../start/root.mjs');

await ensureInstalled();
await ensureBuilt();
const { generators } = await import('./generators.mjs');

const isCheck = process.argv.includes('--check');
for (const { path, make } of generators) {
  const wanted = await make();
  if (read(join(root, path)) === wanted) continue;
  if (isCheck) {
    console.log(`${path} is out of date: run "npm run generate".`);
    process.exitCode = 1;
    continue;
  }
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), wanted);
  console.log(`${path} written.`);
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
