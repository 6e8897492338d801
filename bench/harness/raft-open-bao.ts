import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, findOpenBao } from '@claviger/testing';
import { freePort } from './free-port.js';

/** An OpenBao as it is run for real: raft storage on disk, a file audit device, initialised and unsealed. */
export type RaftOpenBao = {
  /** `http://127.0.0.1:<port>`. */
  readonly address: string;
  readonly rootToken: string;
  readonly pid: number;
  /** Calls its API below `/v1/` as root. @throws Error for a status of 400 or more */
  call(method: string, path: string, body?: unknown): Promise<Readonly<Record<string, unknown>>>;
  stop(): Promise<void>;
};

/** Starts one on data of its own, with a KV v2 engine at `kv`. @throws Error where there is no bao program */
export async function startRaftOpenBao(): Promise<RaftOpenBao> {
  const program = findOpenBao();
  if (!program) throw new Error('There is no bao program: `npm test` installs one, or set CLAVIGER_TEST_BAO.');
  const home = mkdtempSync(join(tmpdir(), 'claviger-bench-bao-'));
  const [port, clusterPort] = [await freePort(), await freePort()];
  const address = `http://127.0.0.1:${port}`;
  writeFileSync(join(home, 'bao.hcl'), configuration(home, port, clusterPort));
  mkdirSync(join(home, 'data'));
  const child = spawn(program, ['server', `-config=${join(home, 'bao.hcl')}`], {
    stdio: 'ignore',
    cwd: home,
    // Nothing of BAO_* or VAULT_*: they would change where it listens and what it trusts.
    env: { PATH: process.env['PATH'], HOME: home },
  });
  const killWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', killWithUs);
  const stop = async (): Promise<void> => {
    process.off('exit', killWithUs);
    await end(child);
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const rootToken = await unsealed(address);
    const call: RaftOpenBao['call'] = (method, path, body) => ask(address, rootToken, method, path, body);
    await call('POST', 'sys/mounts/kv', { type: 'kv', options: { version: '2' } });
    await eventually(() => call('GET', 'kv/config'));
    return { address, rootToken, pid: child.pid!, call, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function configuration(home: string, port: number, clusterPort: number): string {
  return `
storage "raft" {
  path = "${join(home, 'data')}"
  node_id = "bench"
}
listener "tcp" {
  address = "127.0.0.1:${port}"
  tls_disable = true
}
api_addr = "http://127.0.0.1:${port}"
cluster_addr = "http://127.0.0.1:${clusterPort}"
audit "file" "file" {
  options {
    file_path = "${join(home, 'audit.log')}"
  }
}
`;
}

async function unsealed(address: string): Promise<string> {
  const init = { secret_shares: 1, secret_threshold: 1 };
  const made = await eventually(() => ask(address, '', 'PUT', 'sys/init', init));
  await ask(address, '', 'PUT', 'sys/unseal', { key: (made['keys'] as string[])[0] });
  // 200 says initialised, unsealed and active; anything else is a status of 400 or more.
  await eventually(() => ask(address, '', 'GET', 'sys/health'));
  return made['root_token'] as string;
}

async function ask(
  address: string,
  token: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const response = await fetch(`${address}/v1/${path}`, {
    method,
    headers: { 'X-Vault-Token': token },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (response.status >= 400) throw new Error(`OpenBao answered ${response.status} to ${method} ${path}: ${text}`);
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
