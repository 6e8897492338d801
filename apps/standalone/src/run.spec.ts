import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { run, type RunContext } from './run.js';

const EVENTS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'uncaughtException', 'unhandledRejection'] as const;

type Listener = (...args: unknown[]) => void;
const listeners = (event: string): Listener[] => process.listeners(event as 'SIGINT') as Listener[];

describe('run', () => {
  let before: Map<string, Listener[]>;
  let log: string[];

  beforeEach(() => {
    log = [];
    before = new Map(EVENTS.map((event) => [event, listeners(event)]));
  });
  afterEach(() => {
    for (const event of EVENTS) {
      const added = listeners(event).filter((listener) => !before.get(event)?.includes(listener));
      for (const listener of added) process.off(event, listener);
    }
  });

  /** Runs `start`; resolves once it is under way, with a promise of the exit code. */
  function begin(start: (context: RunContext) => Promise<void> | void): {
    context: RunContext;
    exitCode: Promise<number>;
  } {
    let context: RunContext | undefined;
    const exitCode = run({
      say: (line) => log.push(`say ${line.split(':')[0]}`),
      report: (error) => log.push(`report ${(error as Error).message}`),
      start: async (given) => {
        context = given;
        given.cleanup.push('database', () => void log.push('database closed'));
        await start(given);
      },
    });
    return { context: context!, exitCode };
  }

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('closes everything on %s and ends with 0', async (signal) => {
    const { exitCode } = begin(() => undefined);
    process.emit(signal);
    expect(await exitCode).toBe(0);
    expect(log).toEqual(['say Stopping', 'database closed']);
  });

  it('stops once only, however often it is asked', async () => {
    const { exitCode } = begin(() => undefined);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM'] as const) process.emit(signal);
    expect(await exitCode).toBe(0);
    expect(log).toEqual(['say Stopping', 'database closed']);
  });

  it('closes what is open and ends with 1 when the start fails, with one report', async () => {
    const { exitCode } = begin(() => Promise.reject(new Error('port in use')));
    expect(await exitCode).toBe(1);
    expect(log).toEqual(['report port in use', 'database closed']);
  });

  it('lets a start that is asked to stop end in its own time, and reports nothing of it', async () => {
    const { exitCode } = begin(async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      log.push('step ended');
      signal.throwIfAborted();
    });
    process.emit('SIGTERM');
    expect(await exitCode).toBe(0);
    expect(log).toEqual(['say Stopping', 'step ended', 'database closed']);
  });

  it('closes everything and ends with 1 when something fails later', async () => {
    const { context, exitCode } = begin(() => undefined);
    context.fail(new Error('database ended'));
    context.fail(new Error('and again'));
    expect(await exitCode).toBe(1);
    expect(log).toEqual(['report database ended', 'database closed']);
  });

  it('says which step did not end, and ends with 1', async () => {
    const { context, exitCode } = begin(() => undefined);
    context.cleanup.push('requests and jobs', () => Promise.reject(new Error('stuck')));
    process.emit('SIGTERM');
    expect(await exitCode).toBe(1);
    expect(log).toEqual(['say Stopping', 'database closed', 'say Did not end in time']);
  });
});
