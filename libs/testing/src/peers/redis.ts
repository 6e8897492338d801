import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { CertificatePair } from '../certificates.js';

const START_WITHIN_MS = 15_000;
const STOP_WITHIN_MS = 5_000;

/** A Redis of a test file's own, without persistence, on 127.0.0.1. */
export type RedisPeer = {
  readonly url: string;
  /** Ends the server; with `SIGKILL` as a crash does. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>;
};

/** The redis-server program: CLAVIGER_TEST_REDIS_SERVER, or the first one in PATH; undefined where there is none. */
export function findRedisServer(): string | undefined {
  const given = process.env['CLAVIGER_TEST_REDIS_SERVER'];
  if (given) return given;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.map((folder) => join(folder, 'redis-server')).find((file) => existsSync(file));
}

/** Starts a Redis and resolves when it takes connections. `port` brings one back where another was; with a certificate it speaks TLS only. */
export async function startRedis(port?: number, tls?: CertificatePair): Promise<RedisPeer> {
  const program = findRedisServer();
  if (!program) throw new Error('There is no redis-server: install Redis, or set CLAVIGER_TEST_REDIS_SERVER.');
  const chosen = port ?? (await freePort());
  const directory = mkdtempSync(join(tmpdir(), 'claviger-redis-'));
  const ports = tls ? tlsSettings(directory, chosen, tls) : { port: chosen };
  const settings = { ...ports, bind: '127.0.0.1', dir: directory, save: '', appendonly: 'no', maxmemory: '64mb' };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], env: { PATH: process.env['PATH'] } });
  const killWithUs = (): boolean => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    process.off('exit', killWithUs);
    await end(child, signal);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await becomesReady(child);
  } catch (error) {
    await stop('SIGKILL');
    throw error;
  }
  return { url: `${tls ? 'rediss' : 'redis'}://127.0.0.1:${chosen}`, stop };
}

function tlsSettings(directory: string, port: number, { cert, key }: CertificatePair): Record<string, string | number> {
  const [certFile, keyFile] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key, { mode: 0o600 });
  const files = { 'tls-cert-file': certFile, 'tls-key-file': keyFile };
  return { port: 0, 'tls-port': port, ...files, 'tls-auth-clients': 'no' };
}

function becomesReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail('it took too long'), START_WITHIN_MS);
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(`redis-server did not start: ${why}`));
    };
    child.once('error', (error) => fail(error.message));
    child.once('exit', () => fail('it ended'));
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (!output.includes('Ready to accept connections')) return;
      clearTimeout(timer);
      output = '';
      resolve();
    });
  });
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill(signal);
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}
