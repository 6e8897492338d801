import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/apps/standalone/src/main.js', import.meta.url));
const READY = /is ready at (http:\/\/\S+)/;
const READY_WITHIN_MS = 60_000;

/** The built standalone Claviger as a process of its own, on data of its own and a free port. */
export type ClavigerProcess = {
  readonly url: string;
  readonly rootToken: string;
  readonly pid: number;
  /** Of the PostgreSQL server that it runs. */
  readonly postgresPid: number;
  /** From the start of the process until it said that it is ready. */
  readonly readyMs: number;
  /** Asks it to end and resolves when it has. */
  stop(): Promise<void>;
};

export type ClavigerOptions = {
  readonly nodeArguments?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
};

/** A place for data directories; removed with everything in it by `remove`. */
export function newDataDir(): { readonly path: string; remove(): void } {
  const root = mkdtempSync(join(tmpdir(), 'claviger-bench-'));
  const path = join(root, 'data');
  mkdirSync(path);
  return { path, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** Starts it and resolves when it is ready. @throws Error with what it said when it is not ready in time */
export async function startClaviger(dataDir: string, options: ClavigerOptions = {}): Promise<ClavigerProcess> {
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...(options.nodeArguments ?? []), MAIN], {
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      CLAVIGER_DATA_DIR: dataDir,
      CLAVIGER_PORT: '0',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const killWithUs = (): void => void child.kill('SIGTERM');
  process.once('exit', killWithUs);
  const url = await readyAt(child);
  return {
    url,
    rootToken: readFileSync(join(dataDir, 'root-token'), 'utf8').trim(),
    pid: child.pid!,
    postgresPid: Number.parseInt(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8'), 10),
    readyMs: performance.now() - startedAt,
    async stop() {
      process.off('exit', killWithUs);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function readyAt(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said: string | undefined = '';
    const fail = (why: string): void => reject(new Error(`Claviger did not start, ${why}: ${said ?? ''}`));
    const timer = setTimeout(() => fail('it took too long'), READY_WITHIN_MS);
    child.once('exit', () => fail('it ended'));
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => {
        // What it says later is read, so that the pipe never fills, and dropped.
        if (said === undefined) return;
        said += text;
        const url = READY.exec(said)?.[1];
        if (!url) return;
        clearTimeout(timer);
        said = undefined;
        resolve(url);
      });
  });
}
