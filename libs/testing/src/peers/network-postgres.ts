import { appendFileSync, chmodSync, chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acquireDataLock, dataPaths, openEmbeddedDatabase } from '@claviger/platform/embedded';
import { Client } from 'pg';
import { issueCertificate, type CertificatePair } from '../certificates.js';

/** A PostgreSQL of a test file's own that listens on the network, as one on another machine does. */
export type NetworkPostgresPeer = {
  /** An address of this machine that nothing else uses. */
  readonly host: string;
  /** Another one, which is in no certificate. */
  readonly alias: string;
  /** Without TLS. */
  readonly url: string;
  /** Ends every session, and is there again at the same address. */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

/**
 * Starts a PostgreSQL on port 5432 of a loopback address of its own (127.0.0.0/8 is all this machine's on Linux).
 * @param options `authority` makes it take connections over TLS only, with a certificate for its address
 */
export async function startNetworkPostgres({
  authority,
  network = loopbackNetwork(),
  host = `${network}.1`,
}: {
  readonly authority?: CertificatePair;
  readonly network?: string;
  readonly host?: string;
} = {}): Promise<NetworkPostgresPeer> {
  const alias = `${network}.2`;
  const directory = mkdtempSync(join(tmpdir(), 'claviger-network-postgres-'));
  const lock = acquireDataLock(directory);
  const settings = { fsync: 'off', listen_addresses: `${host},${alias}` };
  const open = (): ReturnType<typeof openEmbeddedDatabase> =>
    openEmbeddedDatabase({ lock, onLog: () => undefined, settings });
  let database = await open();
  const { cluster } = dataPaths(directory);
  appendFileSync(
    join(cluster, 'pg_hba.conf'),
    `${authority ? 'hostssl' : 'host'} all all ${network}.0/24 scram-sha-256\n`,
  );
  if (authority) putCertificate(cluster, issueCertificate(host, authority));
  await run(database.url, authority ? 'alter system set ssl = on' : 'select 1', 'select pg_reload_conf()');
  const url = new URL(database.url);
  url.host = `${host}:5432`;
  return {
    host,
    alias,
    url: url.href,
    restart: async () => {
      await database.stop();
      database = await open();
    },
    stop: async () => {
      await database.stop();
      lock.release();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The first three numbers of addresses of this machine that nothing else uses, so that any port is free there. */
export function loopbackNetwork(): string {
  return `127.${randomInt(1, 255)}.${randomInt(256)}`;
}

/** Where and as PostgreSQL wants it: in its directory, its own and nobody else's to read. */
function putCertificate(cluster: string, { cert, key }: CertificatePair): void {
  const { uid, gid } = statSync(cluster);
  for (const [name, text] of Object.entries({ 'server.crt': cert, 'server.key': key })) {
    const path = join(cluster, name);
    writeFileSync(path, text);
    chmodSync(path, 0o600);
    chownSync(path, uid, gid);
  }
}

async function run(url: string, ...statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
