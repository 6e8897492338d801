import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { ProgramYard, type ProgramOptions } from './started-program.js';

jest.setTimeout(120_000);

const yard = new ProgramYard();
/** Another program's server. */
const other = createServer();
let stopped: string;

beforeAll(async () => {
  const program = yard.start(yard.newDataDir());
  await program.ready();
  expect(await program.end('SIGTERM')).toBe(0);
  stopped = program.dataDir;
});
afterEach(() => yard.stopAll());
afterAll(() => {
  other.close();
  yard.remove();
});

function copyOfStopped(): string {
  const dataDir = yard.newDataDir();
  cpSync(stopped, dataDir, { recursive: true });
  return dataDir;
}

/** Names, and contents of all that PostgreSQL itself does not rewrite at every start. */
function contents(dataDir: string): unknown {
  if (!existsSync(dataDir)) return 'nothing';
  if (statSync(dataDir).isFile()) return readFileSync(dataDir, 'utf8');
  const names = readdirSync(dataDir).sort();
  const files = names.filter((name) => name !== 'postgres.log' && statSync(join(dataDir, name)).isFile());
  return [names, files.map((name) => readFileSync(join(dataDir, name), 'utf8'))];
}

/** A refusal is one sentence on standard error, an exit code that is not 0, and nothing changed. */
async function expectRefusal(dataDir: string, sentence: RegExp, env: ProgramOptions['env'] = {}): Promise<void> {
  const before = contents(dataDir);
  const program = yard.start(dataDir, { env });
  expect(await program.exit()).toBe(1);
  expect(program.stderr).toMatch(sentence);
  expect(program.stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(contents(dataDir)).toEqual(before);
  expect(program.postgresPid).toBeUndefined();
}

describe('a start is refused in one sentence with nothing changed', () => {
  it('when the port is in use', async () => {
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const env = { CLAVIGER_PORT: String(port) };
    await expectRefusal(yard.newDataDir(), new RegExp(`^Port ${port} .*CLAVIGER_PORT`), env);
    await expectRefusal(copyOfStopped(), new RegExp(`^Port ${port} .*CLAVIGER_PORT`), env);
  });

  it('when Claviger already runs on the data directory, which works on', async () => {
    const first = yard.start(copyOfStopped());
    const url = await first.ready();
    const second = yard.start(first.dataDir, { env: { CLAVIGER_PORT: new URL(url).port } });
    expect(await second.exit()).toBe(1);
    expect(second.stderr).toMatch(
      new RegExp(`^Claviger already runs .*process ${first.child.pid}.*CLAVIGER_DATA_DIR.*\\n$`),
    );
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });

  it('when two start on one new data directory at the same moment, one of them', async () => {
    const dataDir = yard.newDataDir();
    const both = [yard.start(dataDir), yard.start(dataDir)];
    const outcomes = await Promise.all(
      both.map((program) =>
        program.ready().then(
          () => 'ready',
          () => 'refused',
        ),
      ),
    );
    expect(outcomes.sort()).toEqual(['ready', 'refused']);
  });

  it('when the root key is another one', async () => {
    const dataDir = copyOfStopped();
    writeFileSync(join(dataDir, 'root-key'), Buffer.alloc(32, 9).toString('base64'));
    await expectRefusal(dataDir, /root key/);
  });

  it('when the root key is lost', async () => {
    const dataDir = copyOfStopped();
    rmSync(join(dataDir, 'root-key'));
    await expectRefusal(dataDir, /^The root key .* is missing.*backup/);
  });

  it('when the database is damaged', async () => {
    const dataDir = copyOfStopped();
    rmSync(join(dataDir, 'postgres/PG_VERSION'));
    await expectRefusal(dataDir, /^The data directory .* is damaged.*backup/);
  });

  it('when the database is gone', async () => {
    const dataDir = copyOfStopped();
    rmSync(join(dataDir, 'postgres'), { recursive: true });
    await expectRefusal(dataDir, /^The data directory .* is damaged: its database is gone/);
  });

  it('when another major version of PostgreSQL wrote the database', async () => {
    const dataDir = copyOfStopped();
    writeFileSync(join(dataDir, 'postgres/PG_VERSION'), '17\n');
    await expectRefusal(dataDir, /PostgreSQL 17.*PostgreSQL 18/);
  });

  it('when a newer Claviger wrote the data', async () => {
    const dataDir = copyOfStopped();
    writeFileSync(join(dataDir, 'version'), JSON.stringify({ app: '99.0.0', schema: 'Later9999999999999' }));
    await expectRefusal(dataDir, /99\.0\.0.*start that version/);
  });

  it('when the data directory is a file', async () => {
    const dataDir = yard.newDataDir();
    writeFileSync(dataDir, 'in the way');
    await expectRefusal(dataDir, /^The data directory .* is not a directory/);
  });

  it('when a variable is wrong, naming it', async () => {
    await expectRefusal(yard.newDataDir(), /CLAVIGER_PORT/, { CLAVIGER_PORT: 'eighty' });
  });
});
