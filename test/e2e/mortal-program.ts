import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiClient, type ApiAnswer, type JsonBody } from '@claviger/testing';
import { expect } from '@jest/globals';
import type { FaultPoint } from '@claviger/kernel';
import { COMMANDS, ProgramYard, repository, type StartedProgram } from './started-program.js';

const WITH_FAULTS = join(repository, 'dist/standalone-with-faults.mjs');

/** Puts the program with faults into one file, as `npm start`'s is, since it starts many times. A new build removes it. */
function bundleWithFaults(): string {
  if (existsSync(WITH_FAULTS)) return WITH_FAULTS;
  const name = `standalone-with-faults-${process.pid}`;
  const args = ['tools/start/bundle.mjs', `${name}=test/setup/standalone-with-faults.mjs`];
  execFileSync(process.execPath, args, { cwd: repository });
  // Whoever looks meanwhile finds a whole file or none.
  renameSync(join(repository, 'dist', `${name}.mjs`), WITH_FAULTS);
  return WITH_FAULTS;
}

/** Claviger on one data directory, which dies by `kill -9` where it is told to, and is started again. */
export class MortalProgram {
  readonly #yard = new ProgramYard();
  readonly #fault = join(this.#yard.root, 'fault');
  readonly #log = join(this.#yard.root, 'fault-points');
  readonly #dataDir = this.#yard.newDataDir();
  #running: { program: StartedProgram; api: ApiClient } | undefined;

  /** The root token's client of the program that runs; starts one where none runs. */
  async api(): Promise<ApiClient> {
    this.#running ??= await this.#start();
    return this.#running.api;
  }

  /** Lets somebody act until the program has died at the point; what they were answered does not matter. */
  async dieAt(point: FaultPoint, act: (api: ApiClient) => Promise<unknown>): Promise<void> {
    const api = await this.api();
    writeFileSync(this.#fault, point);
    await this.dieDuring(act(api).catch(() => undefined));
  }

  /** Waits for the program to have died by `kill -9`, which something that goes on has led, or will lead, to. */
  async dieDuring(acting: Promise<unknown>): Promise<void> {
    const { program } = this.#running!;
    await Promise.race([acting, program.exit()]);
    // What was begun may go on behind the answer, to the point.
    expect(await program.exit()).toBe('SIGKILL');
    expect(existsSync(this.#fault)).toBe(false);
    this.#running = undefined;
  }

  /** Kills it now. */
  kill(): void {
    this.#running!.program.child.kill('SIGKILL');
  }

  /** Stops it as an operator does. Returns its exit code. */
  async stop(): Promise<number | NodeJS.Signals | null> {
    const running = this.#running;
    this.#running = undefined;
    return running ? running.program.end('SIGTERM') : 0;
  }

  /** The fault points that any of its runs has reached. */
  reached(): string[] {
    return [...new Set(readFileSync(this.#log, 'utf8').trim().split('\n'))];
  }

  /** Runs a command of the built CLI on the data directory, and returns what it printed once it has ended with 0. */
  async command(...argv: readonly string[]): Promise<string> {
    const command = [process.execPath, COMMANDS, ...argv] as const;
    const program = this.#yard.start(this.#dataDir, { command });
    expect(await program.exit()).toBe(0);
    return program.stdout;
  }

  /** Stops what runs and removes everything. */
  async remove(): Promise<void> {
    await this.#yard.stopAll();
    rmSync(this.#fault, { force: true });
    this.#yard.remove();
  }

  async #start(): Promise<{ program: StartedProgram; api: ApiClient }> {
    const env = { CLAVIGER_TEST_FAULT_LOG: this.#log, CLAVIGER_TEST_FAULT: this.#fault };
    const program = this.#yard.start(this.#dataDir, { command: [process.execPath, bundleWithFaults()], env });
    return { program, api: new ApiClient(await program.ready(), program.rootToken) };
  }
}

/** The body of an answer that must be a success. @throws Error with what it was instead */
export async function must(answer: Promise<ApiAnswer>): Promise<JsonBody> {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
  return body;
}
