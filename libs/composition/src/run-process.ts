import { isAppError } from '@claviger/kernel';

/** A process of Claviger that runs until it is asked to stop. */
type Running = {
  /** Says that it will be gone soon, and resolves when that has been noticed. */
  leave?(): Promise<void>;
  close(): Promise<void>;
};

/**
 * Runs a process of its own from start to stop: SIGINT and SIGTERM drain it and end it with 0, again and again too. One
 * that cannot start ends with 1 after one sentence on standard error; nobody vouches for what the text of a defect
 * contains, so of that only its name and where it happened are told.
 */
export async function runProcess(start: () => Promise<Running>): Promise<void> {
  const asked = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
  });
  try {
    const running = await start();
    await asked;
    await running.leave?.();
    await running.close();
    process.exit(0);
  } catch (error) {
    const why = isAppError(error) ? error.message : `Claviger ended because of a defect (${frameOf(error)}).`;
    process.stderr.write(`${why}\n`);
    process.exit(1);
  }
}

function frameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'Error';
  const frame = /^\s+at (.+)$/m.exec(error.stack ?? '')?.[1];
  return frame === undefined ? error.name : `${error.name} at ${frame}`;
}
