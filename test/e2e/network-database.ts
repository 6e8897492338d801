import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { acquireDataLock, dataPaths, openEmbeddedDatabase, type EmbeddedDatabase } from '@claviger/platform/embedded';
import { Client } from 'pg';

/** A PostgreSQL of a test file's own that listens on the network and keeps its address when it is restarted. */
export class NetworkDatabase {
  private constructor(
    readonly url: string,
    private readonly directory: string,
    private readonly open: () => Promise<EmbeddedDatabase>,
    private readonly release: () => void,
    private running: EmbeddedDatabase,
  ) {}

  /** Takes port 5432 of a loopback address that nothing else uses: all of 127.0.0.0/8 is this machine's on Linux. */
  static async start(): Promise<NetworkDatabase> {
    const host = `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`;
    const directory = mkdtempSync(join(tmpdir(), 'claviger-network-'));
    const lock = acquireDataLock(directory);
    const settings = { fsync: 'off', listen_addresses: host };
    const open = (): Promise<EmbeddedDatabase> => openEmbeddedDatabase({ lock, onLog: () => undefined, settings });
    const running = await open();
    appendFileSync(join(dataPaths(directory).cluster, 'pg_hba.conf'), `host all all ${host}/32 scram-sha-256\n`);
    const client = new Client({ connectionString: running.url });
    await client.connect();
    await client.query('select pg_reload_conf()');
    await client.end();
    const url = new URL(running.url);
    url.host = `${host}:5432`;
    return new NetworkDatabase(url.href, directory, open, () => lock.release(), running);
  }

  /** Ends every session, and is there again. */
  async restart(): Promise<void> {
    await this.running.stop();
    this.running = await this.open();
  }

  async stop(): Promise<void> {
    await this.running.stop();
    this.release();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
