import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const repository = process.cwd();

/** What `npm start` runs. */
const MAIN = join(repository, 'dist/standalone.mjs');
/** What the commands run. */
export const COMMANDS = join(repository, 'dist/cli.mjs');
const READY = /is ready at (http:\/\/\S+)/;
const SAY_LIMIT_MS = 60_000;
const POLL_MS = 5;

export type ProgramOptions = {
  /** Program and arguments instead of Node with the built standalone. */
  readonly command?: readonly [file: string, ...args: string[]];
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
};

/** Claviger as a process of its own, as a person starts it. */
export class StartedProgram {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;
  readonly #exit: Promise<number | NodeJS.Signals | null>;

  constructor(
    readonly dataDir: string,
    { command = [process.execPath, MAIN], env, uid }: ProgramOptions = {},
  ) {
    const [file, ...args] = command;
    this.child = spawn(file, args, {
      cwd: repository,
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', CLAVIGER_DATA_DIR: dataDir, CLAVIGER_PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(uid === undefined ? {} : { uid, gid: uid }),
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.#exit = once(this.child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals | null);
  }

  /** Resolves with the address once the program says that it is ready; rejects when it ends before. */
  async ready(): Promise<string> {
    return (await this.says(READY))[1] ?? '';
  }

  /** Resolves once the program has printed what matches; rejects when it ends before, or takes far too long. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = Date.now() + SAY_LIMIT_MS;
    const ended = this.#exit.then(() => true);
    for (let hasEnded = false; ;) {
      const match = pattern.exec(this.stdout);
      if (match) return match;
      if (hasEnded || Date.now() > deadline) throw new Error(`said no ${pattern}: ${this.stdout}${this.stderr}`);
      hasEnded = await Promise.race([ended, sleep(POLL_MS, false)]);
    }
  }

  /** Exit code, or the name of the signal that ended it. */
  exit(): Promise<number | NodeJS.Signals | null> {
    return this.#exit;
  }

  /** Sends signals and resolves with how the program ended. */
  end(...signals: NodeJS.Signals[]): Promise<number | NodeJS.Signals | null> {
    for (const signal of signals) this.child.kill(signal);
    return this.#exit;
  }

  get rootToken(): string {
    return readFileSync(join(this.dataDir, 'root-token'), 'utf8').trim();
  }

  /** Process id of its PostgreSQL, or undefined when none runs. */
  get postgresPid(): number | undefined {
    return findPostgres(this.dataDir);
  }
}

/** Process id of the PostgreSQL that says it serves `dataDir`. */
export function findPostgres(dataDir: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8'), 10);
  } catch {
    return undefined;
  }
}

/** Starts programs on data directories of a test file's own, and clears up after them. */
export class ProgramYard {
  readonly #root = mkdtempSync(join(tmpdir(), 'claviger-start-'));
  readonly #programs: StartedProgram[] = [];
  #count = 0;

  /** A path for a data directory that does not exist yet, below a directory that everyone may write to. */
  newDataDir(): string {
    const parent = join(this.#root, String((this.#count += 1)));
    mkdirSync(parent);
    return join(parent, 'data');
  }

  get root(): string {
    return this.#root;
  }

  start(dataDir: string, options?: ProgramOptions): StartedProgram {
    const program = new StartedProgram(dataDir, options);
    this.#programs.push(program);
    return program;
  }

  /** Ends what still runs, a PostgreSQL without its Claviger included. */
  async stopAll(): Promise<void> {
    for (const program of this.#programs.splice(0)) {
      if (program.child.exitCode === null && program.child.signalCode === null) await program.end('SIGTERM');
      const orphan = program.postgresPid;
      if (orphan !== undefined) tryKill(orphan);
    }
  }

  remove(): void {
    rmSync(this.#root, { recursive: true, force: true });
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGQUIT');
  } catch {
    // It is gone already.
  }
}
