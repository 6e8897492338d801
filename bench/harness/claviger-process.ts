import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProgram, type Program } from './program.js';

/** The built standalone Claviger as a process of its own, on data of its own and a free port. */
export type ClavigerProcess = Program & { readonly rootToken: string };

export type ClavigerOptions = {
  readonly nodeArguments?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
};

/** The built entry of an app. */
export function builtApp(name: 'api' | 'worker'): string {
  return fileURLToPath(new URL(`../../dist/apps/${name}/src/main.js`, import.meta.url));
}

/** What `npm start` runs. */
const STANDALONE = fileURLToPath(new URL('../../dist/standalone.mjs', import.meta.url));

/** A place for data directories; removed with everything in it by `remove`. */
export function newDataDir(): { readonly path: string; remove(): void } {
  const root = mkdtempSync(join(tmpdir(), 'claviger-bench-'));
  const path = join(root, 'data');
  mkdirSync(path);
  return { path, remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** Starts it and resolves when it is ready. @throws Error with what it said when it is not ready in time */
export async function startClaviger(dataDir: string, options: ClavigerOptions = {}): Promise<ClavigerProcess> {
  const program = await startProgram({
    args: [...(options.nodeArguments ?? []), STANDALONE],
    env: { CLAVIGER_DATA_DIR: dataDir, CLAVIGER_PORT: '0', CLAVIGER_LOG_LEVEL: 'warn', ...options.env },
    ready: saysAddress,
  });
  return { ...program, rootToken: readFileSync(join(dataDir, 'root-token'), 'utf8').trim() };
}

/** Standalone says its address once it is ready. */
export async function saysAddress(says: (pattern: RegExp) => Promise<RegExpExecArray>): Promise<string> {
  return (await says(/is ready at (http:\/\/\S+)/))[1]!;
}

/** Process id of the embedded PostgreSQL of a data directory. */
export function postgresPid(dataDir: string): number {
  return Number.parseInt(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8'), 10);
}
