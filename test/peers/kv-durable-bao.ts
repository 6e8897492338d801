import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOpenBao } from '@claviger/testing';

const READY_WITHIN_MS = 20_000;

/** An OpenBao that keeps its data (raft storage), so that it can die and come back at the same address. */
export type DurableBao = {
  readonly address: string;
  readonly rootToken: string;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
  /** Brings it back, sealed. */
  start(): Promise<void>;
  unseal(): Promise<void>;
  /** Mounts a KV engine of version 2, and waits until it is ready. */
  mountKv2(path: string): Promise<void>;
  close(): Promise<void>;
};

/** Starts one, initialised and unsealed. */
export async function startDurableBao(): Promise<DurableBao> {
  const program = findOpenBao();
  if (!program) throw new Error('There is no bao program: install OpenBao, or set CLAVIGER_TEST_BAO.');
  const home = mkdtempSync(join(tmpdir(), 'claviger-bao-'));
  const [port, clusterPort] = [await freePort(), await freePort()];
  const address = `http://127.0.0.1:${port}`;
  const config = join(home, 'bao.json');
  writeFileSync(
    config,
    JSON.stringify({
      storage: { raft: { path: home, node_id: 'one', performance_multiplier: 1 } },
      listener: { tcp: { address: `127.0.0.1:${port}`, tls_disable: true } },
      api_addr: address,
      cluster_addr: `http://127.0.0.1:${clusterPort}`,
    }),
  );
  let child: ChildProcess | undefined;
  const killWithUs = (): void => void child?.kill('SIGKILL');
  process.once('exit', killWithUs);
  const kill = async (): Promise<void> => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  const start = async (): Promise<void> => {
    child = spawn(program, ['server', `-config=${config}`], {
      stdio: 'ignore',
      cwd: home,
      env: { PATH: process.env['PATH'], HOME: home },
    });
    await until(async () => (await ask(address, 'GET', 'sys/seal-status')) !== undefined);
  };
  const close = async (): Promise<void> => {
    process.off('exit', killWithUs);
    await kill();
    rmSync(home, { recursive: true, force: true });
  };
  try {
    await start();
    const made = await ask(address, 'PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 });
    const { keys, root_token: rootToken } = made as { keys: string[]; root_token: string };
    const unseal = async (): Promise<void> => {
      await ask(address, 'PUT', 'sys/unseal', { key: keys[0] });
      await until(async () => {
        const health = await ask(address, 'GET', 'sys/health');
        return health?.['sealed'] === false && health['standby'] === false;
      });
    };
    await unseal();
    const mountKv2 = async (path: string): Promise<void> => {
      await ask(address, 'POST', `sys/mounts/${path}`, { type: 'kv', options: { version: '2' } }, rootToken);
      await until(
        async () => (await ask(address, 'GET', `${path}/config`, undefined, rootToken))?.['data'] !== undefined,
      );
    };
    return { address, rootToken, kill, start, unseal, mountKv2, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The JSON of an answer, whatever its status; undefined for none. */
async function ask(
  address: string,
  method: string,
  path: string,
  body?: unknown,
  token = '',
): Promise<Record<string, unknown> | undefined> {
  const init = {
    method,
    headers: { 'X-Vault-Token': token },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  };
  const response = await fetch(`${address}/v1/${path}`, init).catch(() => undefined);
  const text = (await response?.text()) ?? '';
  return text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>);
}

/** Asks again and again until it is so. @throws Error when it does not come true */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (Date.now() < deadline) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('It did not come true in time.');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
