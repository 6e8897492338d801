import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { runStep } from './progress.mjs';
import { root } from './root.mjs';

const DIST = join(root, 'dist');
const STAMP = join(DIST, '.build');
const SOURCES = ['apps', 'libs'];
const SETTINGS = ['package-lock.json', 'nest-cli.json', 'tsconfig.json', '.swcrc', 'tools/start/bundle.mjs'];

/** What `npm start` and the commands run: an app in one file, which starts in half the time. */
export const BUNDLES = { standalone: 'dist/standalone.mjs', cli: 'dist/cli.mjs' };

/** Builds all apps and libraries into dist/, and the {@link BUNDLES}, unless nothing has changed since the last build. */
export async function ensureBuilt() {
  const wanted = fingerprint();
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted) return;
  rmSync(STAMP, { force: true });
  const nest = join(root, 'node_modules/@nestjs/cli/bin/nest.js');
  await runStep({ title: 'Building', file: process.execPath, args: [nest, 'build', 'api'] });
  removeWithoutSource(DIST);
  const bundler = join(root, 'tools/start/bundle.mjs');
  const apps = Object.keys(BUNDLES).map((app) => `${app}=dist/apps/${app}/src/main.js`);
  await runStep({ title: 'Bundling', file: process.execPath, args: [bundler, ...apps] });
  writeFileSync(STAMP, wanted);
}

/** A digest over name, size and time of every file that the build reads; reading the files would take too long. */
function fingerprint() {
  const hash = createHash('sha256');
  for (const path of [
    ...SOURCES.flatMap((folder) => sourceFiles(join(root, folder))),
    ...SETTINGS.map((name) => join(root, name)),
  ]) {
    const { mtimeMs, size } = statSync(path);
    hash.update(`${relative(root, path)} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex');
}

function sourceFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourceFiles(path);
    return entry.name.endsWith('.ts') && !entry.name.endsWith('spec.ts') ? [path] : [];
  });
}

/** Removes what an earlier build left of sources that are gone, so that nothing can still import it. */
function removeWithoutSource(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removeWithoutSource(path);
    else if (!existsSync(sourceOf(path))) rmSync(path);
  }
}

function sourceOf(built) {
  return join(root, relative(DIST, built).replace(/\.js(\.map)?$/, '.ts'));
}
