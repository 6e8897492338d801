import { CleanupStack } from './cleanup-stack.js';

/** What a start may use while it runs, and after. */
export type RunContext = {
  /** Everything that is open, to be closed at the end. */
  readonly cleanup: CleanupStack;
  /** Aborted as soon as the process is asked to stop. */
  readonly signal: AbortSignal;
  /** Ends the run because of an error that nobody waits for. */
  readonly fail: (error: unknown) => void;
};

export type RunOptions = {
  readonly start: (run: RunContext) => Promise<void>;
  /** A line for people, on standard output. */
  readonly say: (line: string) => void;
  /** The one sentence about why it failed, on standard error. */
  readonly report: (error: unknown) => void;
};

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs from start to stop and resolves with the exit code: 0 when a signal ended it and everything closed, else 1.
 * Signals are taken from the first moment on; further ones change nothing, because the stop is already under way and
 * has a limit of its own. Whatever happens, what was opened is closed.
 */
export async function run({ start, say, report }: RunOptions): Promise<number> {
  const stop = new AbortController();
  const cleanup = new CleanupStack();
  let hasFailed = false;
  const fail = (error: unknown): void => {
    if (stop.signal.aborted) return;
    hasFailed = true;
    report(error);
    stop.abort();
  };
  const onSignal = (): void => {
    if (!stop.signal.aborted) say('Stopping: requests and jobs are being finished');
    stop.abort();
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  process.on('uncaughtException', fail).on('unhandledRejection', fail);

  const stopped = new Promise<void>((resolve) =>
    stop.signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  await start({ cleanup, signal: stop.signal, fail }).catch(fail);
  await stopped;
  const unfinished = await cleanup.run();
  if (unfinished.length > 0) say(`Did not end in time: ${unfinished.join(', ')}; the next start goes on with it`);
  return hasFailed || unfinished.length > 0 ? 1 : 0;
}
