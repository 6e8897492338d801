import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../start/root.mjs';

/**
 * Runs Jest with the arguments given and returns its results (the format of `--json`), or undefined when it ended
 * without any. Signals go on to Jest, so that its teardown still runs.
 *
 * @param {{ node?: string, args: string[], env?: NodeJS.ProcessEnv }} options
 */
export async function runJest({ node = process.execPath, args, env = process.env }) {
  const folder = mkdtempSync(join(tmpdir(), 'claviger-test-'));
  const results = join(folder, 'results.json');
  try {
    await exitOf(node, [join(root, 'tools/test/jest.mjs'), '--json', `--outputFile=${results}`, ...args], env);
    return JSON.parse(readFileSync(results, 'utf8'));
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function exitOf(file, args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] });
    const forward = (signal) => child.kill(signal);
    process.on('SIGINT', forward).on('SIGTERM', forward);
    child.once('error', reject).once('exit', (code) => {
      process.off('SIGINT', forward).off('SIGTERM', forward);
      resolve(code);
    });
  });
}
