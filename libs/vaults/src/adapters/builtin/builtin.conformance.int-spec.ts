import { connect, createServer, type AddressInfo, type NetConnectOpts, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from '@jest/globals';
import type { Keyring } from '@claviger/platform/crypto';
import { createDataSource, Database } from '@claviger/platform/database';
import { createTestDatabase, testKeyring, type TestDatabase } from '@claviger/testing';
import { describeVaultAdapter, type OpenedVault } from '@claviger/vaults/conformance';
import { BuiltinAdapter } from './builtin.adapter.js';
import { builtinCapabilities } from './builtin.capabilities.js';

/** What the proxy does to a statement that passes through it; connections are always made. */
type Fault = 'none' | 'swallow the statement' | 'lose the answer';

// The first byte of a message that carries a statement (PostgreSQL, "Message Formats"): Query and Parse.
const STATEMENT = new Set(['Q', 'P'].map((letter) => letter.charCodeAt(0)));

function addressOf(url: URL): NetConnectOpts {
  const host = decodeURIComponent(url.hostname);
  return host.startsWith('/') ? { path: `${host}/.s.PGSQL.${url.port || 5432}` } : { host, port: Number(url.port) };
}

/** A connection to PostgreSQL that breaks on demand. */
class FlakyServer {
  fault: Fault = 'none';
  /** Resolves when the fault has hit a statement. */
  readonly reached: Promise<void>;
  #hit!: () => void;
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(private readonly upstream: URL) {
    this.reached = new Promise((resolve) => (this.#hit = resolve));
    this.#server = createServer((client) => this.#relay(client));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const url = new URL(this.upstream);
    url.hostname = '127.0.0.1';
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** Ends all connections and takes no more. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #relay(client: Socket): void {
    const server = connect(addressOf(this.upstream));
    const destroy = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket.on('error', destroy).on('close', destroy));
    }
    let isLost = false;
    client.on('data', (data) => {
      const fault = STATEMENT.has(data[0]!) ? this.fault : 'none';
      if (fault !== 'none') this.#hit();
      isLost ||= fault === 'lose the answer';
      if (fault !== 'swallow the statement') server.write(data);
    });
    server.on('data', (data) => (isLost ? destroy() : client.write(data)));
  }
}

let db: TestDatabase;
let keyring: Keyring;
let mounts = 0;

beforeAll(async () => {
  db = await createTestDatabase();
  keyring = await testKeyring(db.database);
});
afterAll(() => db.drop());

function open(database: Database): BuiltinAdapter {
  return new BuiltinAdapter(database, keyring, {
    storeId: keyring.rootStoreId,
    mount: `mount-${++mounts}`,
    maxVersions: 10,
  });
}

async function openFlaky(fault: Fault, isReachable = true): Promise<OpenedVault & { reached: Promise<void> }> {
  const server = new FlakyServer(new URL(db.url));
  const url = await server.listen();
  const dataSource = createDataSource({ url, poolSize: 2, entities: [], applicationName: 'claviger-test' });
  await dataSource.initialize();
  const database = new Database(dataSource);
  if (!isReachable) await server.close();
  while (!isReachable && database.pool.totalCount > 0) await new Promise(setImmediate);
  server.fault = fault;
  return {
    adapter: open(database),
    reached: server.reached,
    cleanup: async () => {
      if (isReachable) await server.close();
      await dataSource.destroy();
    },
  };
}

describeVaultAdapter('builtin', {
  flavour: 'default',
  capabilities: builtinCapabilities(10),
  cardDirectory: fileURLToPath(new URL('../../../../../docs/generated/vault-kinds', import.meta.url)),
  fresh: async () => ({ adapter: open(db.database) }),
  unreachable: () => openFlaky('none', false),
  stalled: () => openFlaky('swallow the statement'),
  losesAnswers: () => openFlaky('lose the answer'),
});
