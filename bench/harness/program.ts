import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const READY_WITHIN_MS = 60_000;

export type ProgramOptions = {
  readonly file?: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves once the program is ready; `says` resolves with what its output matched. */
  readonly ready: (says: (pattern: RegExp) => Promise<RegExpExecArray>) => Promise<string>;
};

export type Program = {
  readonly pid: number;
  /** What `ready` resolved with. */
  readonly address: string;
  /** From the start of the process until then. */
  readonly readyMs: number;
  /** Asks it to end and resolves when it has. */
  stop(): Promise<void>;
};

/** Starts a program and resolves when it is ready. It is ended when this process ends. @throws Error with what it said */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const startedAt = performance.now();
  const child = spawn(options.file ?? process.execPath, options.args, {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], NODE_ENV: 'production', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const killWithUs = (): void => void child.kill('SIGTERM');
  process.once('exit', killWithUs);
  const stop = async (): Promise<void> => {
    process.off('exit', killWithUs);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  try {
    const address = await options.ready((pattern) => says(child, pattern));
    return { pid: child.pid!, address, readyMs: performance.now() - startedAt, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function says(child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let said: string | undefined = '';
    const fail = (why: string): void => reject(new Error(`${child.spawnargs.join(' ')} is not ready, ${why}: ${said}`));
    const timer = setTimeout(() => fail('it took too long'), READY_WITHIN_MS);
    child.once('error', (error) => fail(error.message));
    child.once('exit', () => fail('it ended'));
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => {
        // What it says later is read, so that the pipe never fills, and dropped.
        if (said === undefined) return;
        said += text;
        const match = pattern.exec(said);
        if (!match) return;
        clearTimeout(timer);
        said = undefined;
        resolve(match);
      });
  });
}
