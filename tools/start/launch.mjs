import { readFileSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { BUNDLES, ensureBuilt } from './build-step.mjs';
import { ensureInstalled } from './install-step.mjs';
import { root } from './root.mjs';

const HELP = new URL('./help.txt', import.meta.url);

/** Prints the help, or installs, builds and becomes Claviger in standalone mode. */
export async function start(options) {
  if (options.some((option) => option === '--help' || option === '-h')) {
    process.stdout.write(readFileSync(fileURLToPath(HELP), 'utf8'));
    return;
  }
  if (options.length > 0) {
    process.stderr.write(`Claviger does not know the option ${options[0]}; npm start -- --help lists what there is.\n`);
    process.exitCode = 1;
    return;
  }
  await become(BUNDLES.standalone);
}

/** Makes sure that the program is installed and built, then runs the built file `entry` in this process. */
export async function become(entry) {
  await ensureInstalled();
  await ensureBuilt();
  // From Node 22 on: keeps compiled code between starts, which saves a quarter of the time to load.
  module.enableCompileCache?.(join(root, 'node_modules/.cache/claviger'));
  await import(pathToFileURL(join(root, entry)).href);
}
