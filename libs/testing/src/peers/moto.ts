import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endWatched, freePort, startWatched } from './watched-program.js';

const START_WITHIN_MS = 60_000;
const POLL_MS = 50;
const ATTEMPTS = 3;

/** What Secrets Manager answers: its JSON, or undefined where there was none. */
export type MotoAnswer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> | undefined };

/** An emulator of AWS of a test file's own: moto, in memory, on 127.0.0.1. It takes any credentials. */
export type MotoPeer = {
  /** `http://127.0.0.1:<port>`, for every service. */
  readonly address: string;
  readonly region: string;
  readonly pid: number;
  /** Calls an action of Secrets Manager as somebody who does not ask Claviger; never throws for a status. */
  call(action: string, input: object): Promise<MotoAnswer>;
  close(): Promise<void>;
};

/**
 * The moto_server program: CLAVIGER_TEST_MOTO, or that of this checkout's private environment, which has a known
 * version.
 */
export function findMoto(): string | undefined {
  const given = process.env['CLAVIGER_TEST_MOTO'];
  if (given) return given;
  const own = join(process.cwd(), '.peers/moto/bin/moto_server');
  return existsSync(own) ? own : undefined;
}

/** Starts a moto and resolves when it answers. It ends when it is closed, and also when this process dies. */
export async function startMoto(): Promise<MotoPeer> {
  const program = findMoto();
  if (!program) throw new Error('There is no moto_server program: install moto[server], or set CLAVIGER_TEST_MOTO.');
  // Between finding a free port and listening on it, another process may have taken it.
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    const peer = await start(program).catch(() => undefined);
    if (peer) return peer;
  }
  return start(program);
}

async function start(program: string): Promise<MotoPeer> {
  const home = mkdtempSync(join(tmpdir(), 'claviger-moto-'));
  const port = await freePort();
  const child = startWatched(program, ['-H', '127.0.0.1', '-p', String(port)], home);
  child.stdout!.resume();
  const address = `http://127.0.0.1:${port}`;
  const region = 'eu-west-1';
  const call: MotoPeer['call'] = (action, input) => callAction(address, region, action, input);
  const close = async (): Promise<void> => {
    await endWatched(child);
    rmSync(home, { recursive: true, force: true });
  };
  try {
    await becomesReady(child, call);
    return { address, region, pid: child.pid!, call, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function becomesReady(child: ChildProcess, call: MotoPeer['call']): Promise<void> {
  const deadline = Date.now() + START_WITHIN_MS;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('moto ended while it started.');
    const answer = await call('ListSecrets', {}).catch(() => undefined);
    if (answer?.status === 200) return;
    if (Date.now() > deadline) throw new Error('moto did not become ready in time.');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** moto does not check signatures; it takes the region out of the credential scope. */
async function callAction(address: string, region: string, action: string, input: object): Promise<MotoAnswer> {
  const scope = `test/20260101/${region}/secretsmanager/aws4_request`;
  const response = await fetch(address, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/x-amz-json-1.1',
      'X-Amz-Target': `secretsmanager.${action}`,
      Authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(input),
  });
  const text = await response.text();
  const isJson = text.startsWith('{');
  return { status: response.status, body: isJson ? (JSON.parse(text) as Record<string, unknown>) : undefined };
}
