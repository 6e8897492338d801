import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RootKey } from '@claviger/platform/crypto';
import { eventually } from '@claviger/testing';
import { builtApp, startClaviger } from './claviger-process.js';
import { startDatabaseServer } from './database-server.js';
import { freePort } from './free-port.js';
import { startProgram, type Program } from './program.js';

/** Claviger as it is run in production: api and worker as processes of their own on one database, to start and stop. */
export type Installation = {
  readonly databaseUrl: string;
  /** Of its PostgreSQL. */
  readonly databasePid: number;
  readonly rootToken: string;
  startApi(): Promise<Program>;
  startWorker(): Promise<Program>;
  /** Removes the data. What was started must have been stopped. */
  close(): Promise<void>;
};

/** Makes the database and the first root token. */
export async function createInstallation(): Promise<Installation> {
  const database = await startDatabaseServer();
  const home = mkdtempSync(join(tmpdir(), 'claviger-bench-'));
  const close = async (): Promise<void> => {
    await database.stop();
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const env = {
      CLAVIGER_DATABASE_URL: database.url,
      CLAVIGER_ROOT_KEY: RootKey.generateText().reveal(),
      CLAVIGER_AUDIT_ANCHOR_FILE: join(home, 'audit-anchors'),
      CLAVIGER_PORT: '0',
      CLAVIGER_LOG_LEVEL: 'warn',
    };
    const standalone = await startClaviger(join(home, 'data'), { env });
    await standalone.stop();
    const { rootToken } = standalone;
    return {
      databaseUrl: database.url,
      databasePid: database.pid,
      rootToken,
      async startApi() {
        const port = await freePort();
        const address = `http://127.0.0.1:${port}`;
        const ready = (): Promise<string> => eventually(() => assertReady(address));
        return startProgram({ args: [builtApp('api')], env: { ...env, CLAVIGER_PORT: String(port) }, ready });
      },
      // It answers to nobody; what it does is seen in the database.
      startWorker: () => startProgram({ args: [builtApp('worker')], env, ready: async () => '' }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @throws Error unless it serves requests there */
async function assertReady(address: string): Promise<string> {
  const { status } = await fetch(`${address}/readyz`);
  if (status !== 200) throw new Error(`The api is not ready (${status}).`);
  return address;
}
