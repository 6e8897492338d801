import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { Writable } from 'node:stream';

const STOP_WITHIN_MS = 5_000;

/**
 * Replaces a shell by the program, after the shell has left a watcher that ends it when the pipe on descriptor 3 breaks
 * without a word: so an orphan is impossible, even when the test process is killed.
 */
const WATCHED = '(read -r _ <&3 || kill -TERM $$) >/dev/null 2>&1 & exec "$@" 3<&-';

/** Starts a program in a folder of its own that is also its home, with nothing of the environment but PATH. */
export function startWatched(program: string, args: readonly string[], home: string): ChildProcess {
  return spawn('/bin/sh', ['-c', WATCHED, 'sh', program, ...args], {
    stdio: ['ignore', 'pipe', 'ignore', 'pipe'],
    cwd: home,
    env: { PATH: process.env['PATH'], HOME: home },
  });
}

/** Ends what {@link startWatched} started; by force when it takes long. */
export async function endWatched(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, 'exit');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    child.kill('SIGTERM');
    await ended;
    clearTimeout(timer);
  }
  // A word for the watcher: all is well, kill nobody.
  const pipe = child.stdio[3] as Writable;
  pipe.on('error', () => undefined).end('ended\n');
}

/** A port of 127.0.0.1 that nobody listens on now; somebody may take it before the caller does. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
