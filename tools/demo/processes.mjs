// Starts what the demo needs for itself, and stops it again.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const LIMIT_MS = 120_000;

/** A Claviger with a data directory of its own, on a free port. */
export async function startClaviger() {
  const dataDir = mkdtempSync(join(tmpdir(), 'claviger-demo-'));
  const env = { ...process.env, CLAVIGER_DATA_DIR: dataDir, CLAVIGER_HOST: '127.0.0.1', CLAVIGER_PORT: '0' };
  delete env.CLAVIGER_DATABASE_URL;
  const child = spawn(process.execPath, [join(root, 'tools', 'start', 'start.mjs')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await firstMatch(child, /is ready at (\S+)/);
  return {
    url,
    token: readFileSync(join(dataDir, 'root-token'), 'utf8').trim(),
    async stop() {
      await end(child);
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** The path of a bao program, or undefined. */
export function findBao() {
  const candidates = [process.env.CLAVIGER_TEST_BAO, join(root, '.peers', 'venv', 'bin', 'bao'), 'bao'];
  return candidates.find(
    (path) => path && (existsSync(path) || path === 'bao') && spawnSync(path, ['version']).status === 0,
  );
}

/** An OpenBao of our own, in memory, on a free port. */
export async function startBao(program) {
  const home = mkdtempSync(join(tmpdir(), 'claviger-demo-bao-'));
  const port = await freePort();
  const token = `demo-${Math.random().toString(36).slice(2)}`;
  const child = spawn(
    program,
    ['server', '-dev', `-dev-listen-address=127.0.0.1:${port}`, `-dev-root-token-id=${token}`, '-dev-no-store-token'],
    { env: { PATH: process.env.PATH, HOME: home }, stdio: 'ignore' },
  );
  const address = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(`${address}/v1/sys/health`)).ok);
  return {
    address,
    token,
    async stop() {
      await end(child);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Waits until `check` is true; its failures count as not yet. */
export async function until(check, limitMs = 30_000) {
  const giveUpAt = Date.now() + limitMs;
  for (;;) {
    if (await check().catch(() => false)) return;
    if (Date.now() > giveUpAt) throw new Error('It took too long.');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function firstMatch(child, pattern) {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error('Claviger did not get ready in time.')), LIMIT_MS);
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const match = pattern.exec(text);
      if (!match) return;
      clearTimeout(timer);
      resolve(match[1]);
    });
    child.once('exit', () => {
      clearTimeout(timer);
      reject(new Error('Claviger could not start; see above.'));
    });
  });
}

function end(child) {
  if (child.exitCode !== null) return Promise.resolve();
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  return ended;
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
