import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { endWatched, freePort, startWatched } from './watched-program.js';

const START_WITHIN_MS = 20_000;
const POLL_MS = 25;
const ATTEMPTS = 3;

/** A call of OpenBao's API. `path` is what follows `/v1/`, encoded, with its query. */
export type OpenBaoCall = {
  readonly method?: string;
  readonly path: string;
  /** The root token unless given. */
  readonly token?: string;
  /** Sent as JSON (as a merge patch with PATCH). */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

/** `body` is the parsed JSON, or undefined where there was none. */
export type OpenBaoAnswer = { readonly status: number; readonly body: unknown };

/** A real OpenBao of a test file's own: dev mode, in memory, unsealed, on 127.0.0.1. */
export type OpenBaoPeer = {
  /** `http://127.0.0.1:<port>`. */
  readonly address: string;
  readonly rootToken: string;
  /** The one key that unseals it after `PUT sys/seal`. */
  readonly unsealKey: string;
  readonly pid: number;
  /** Calls the API; never throws for a status. */
  call(call: OpenBaoCall): Promise<OpenBaoAnswer>;
  /** Calls the API and returns the `auth` of its answer, or its `data`. @throws Error for a status of 400 or more */
  must(call: OpenBaoCall): Promise<Readonly<Record<string, unknown>>>;
  /** Mounts a KV engine at `path`. */
  mountKv(path: string, version: 1 | 2): Promise<void>;
  /** Writes an ACL policy (HCL or JSON text). */
  writePolicy(name: string, text: string): Promise<void>;
  /** A token with exactly these policies, `default` not among them. */
  createToken(policies: readonly string[]): Promise<string>;
  close(): Promise<void>;
};

/** The bao program: CLAVIGER_TEST_BAO, the private environment of this checkout, or the first one in PATH. */
export function findOpenBao(): string | undefined {
  const given = process.env['CLAVIGER_TEST_BAO'];
  if (given) return given;
  const folders = [join(process.cwd(), '.peers/venv/bin'), ...(process.env['PATH'] ?? '').split(delimiter)];
  return folders.map((folder) => join(folder, 'bao')).find((file) => existsSync(file));
}

/**
 * Starts an OpenBao and resolves when it answers. It ends when it is closed, and also when this process dies, however
 * that happens.
 */
export async function startOpenBao(): Promise<OpenBaoPeer> {
  const program = findOpenBao();
  if (!program) throw new Error('There is no bao program: install OpenBao, or set CLAVIGER_TEST_BAO.');
  // Between finding a free port and listening on it, another process may have taken it.
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    const peer = await start(program).catch(() => undefined);
    if (peer) return peer;
  }
  return start(program);
}

async function start(program: string): Promise<OpenBaoPeer> {
  const home = mkdtempSync(join(tmpdir(), 'claviger-bao-'));
  const address = `http://127.0.0.1:${await freePort()}`;
  const rootToken = `root-${randomBytes(12).toString('hex')}`;
  const child = launch(program, { home, address, rootToken });
  const close = async (): Promise<void> => {
    await endWatched(child);
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const unsealKey = await readUnsealKey(child);
    const api = openBaoApi(address, rootToken);
    await becomesReady(child, api.call);
    return { address, rootToken, unsealKey, pid: child.pid!, ...api, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function launch(program: string, given: { home: string; address: string; rootToken: string }): ChildProcess {
  const args = [
    'server',
    '-dev',
    '-dev-no-store-token',
    `-dev-root-token-id=${given.rootToken}`,
    `-dev-listen-address=${new URL(given.address).host}`,
  ];
  // Nothing of BAO_* or VAULT_* reaches it: they would change where it listens and what it trusts.
  return startWatched(program, args, given.home);
}

/** Dev mode prints the key on standard output, once; what follows is read and dropped. */
function readUnsealKey(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`OpenBao did not start: ${why}`));
    const timer = setTimeout(() => fail('it took too long'), START_WITHIN_MS);
    let output: string | undefined = '';
    child.once('error', (error) => fail(error.message));
    child.once('exit', () => fail(`it ended: ${output?.trim().split('\n').slice(-3).join(' ') ?? ''}`));
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      if (output === undefined) return;
      output += text;
      const key = /^Unseal Key: (\S+)\n/m.exec(output)?.[1];
      if (!key) return;
      clearTimeout(timer);
      output = undefined;
      resolve(key);
    });
  });
}

/** Answers to its own root token, so that it is this server and not another that was quicker to take the port. */
async function becomesReady(child: ChildProcess, call: OpenBaoPeer['call']): Promise<void> {
  await until(async () => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('OpenBao ended while it started.');
    const answer = await call({ path: 'auth/token/lookup-self' }).catch(() => undefined);
    return answer?.status === 200;
  });
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + START_WITHIN_MS;
  while (!(await isDone())) {
    if (Date.now() > deadline) throw new Error('OpenBao did not become ready in time.');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Calls of the OpenBao at an address. */
export function openBaoApi(
  address: string,
  rootToken: string,
): Pick<OpenBaoPeer, 'call' | 'must' | 'mountKv' | 'writePolicy' | 'createToken'> {
  const call: OpenBaoPeer['call'] = async ({ method = 'GET', path, token = rootToken, body, headers }) => {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const response = await fetch(`${address}/v1/${path}`, {
      method,
      headers: { 'X-Vault-Token': token, ...(body !== undefined && { 'Content-Type': type }), ...headers },
      redirect: 'manual',
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  };
  const must: OpenBaoPeer['must'] = async (request) => {
    const { status, body } = await call(request);
    if (status >= 400) {
      throw new Error(
        `OpenBao answered ${status} to ${request.method ?? 'GET'} ${request.path}: ${JSON.stringify(body)}`,
      );
    }
    const envelope = (body ?? {}) as { data?: Record<string, unknown> | null; auth?: Record<string, unknown> | null };
    return envelope.auth ?? envelope.data ?? {};
  };
  return {
    call,
    must,
    mountKv: async (path, version) => {
      const body = { type: 'kv', options: { version: String(version) } };
      await must({ method: 'POST', path: `sys/mounts/${path}`, body });
      // A new KV v2 mount is upgraded in the background and answers 400 meanwhile.
      if (version === 2) await until(async () => (await call({ path: `${path}/config` })).status === 200);
    },
    writePolicy: async (name, policy) => {
      await must({ method: 'PUT', path: `sys/policies/acl/${encodeURIComponent(name)}`, body: { policy } });
    },
    createToken: async (policies) => {
      const body = { policies, no_default_policy: true };
      const { client_token } = await must({ method: 'POST', path: 'auth/token/create', body });
      return client_token as string;
    },
  };
}
