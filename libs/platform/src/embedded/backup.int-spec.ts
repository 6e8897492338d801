import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

import { backUpDatabase, BACKUPS_KEPT } from './backup.js';
import { dataPaths } from './data-directory.js';
import { readDataVersion, writeDataVersion } from './data-version.js';
import { mustBackUpFirst } from './upgrade.js';

let dataDir: string;

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'claviger-backup-'));
  mkdirSync(join(dataPaths(dataDir).cluster, 'base/1'), { recursive: true, mode: 0o700 });
  writeFileSync(join(dataPaths(dataDir).cluster, 'base/1/file'), 'page', { mode: 0o600 });
  writeFileSync(dataPaths(dataDir).password, 'password', { mode: 0o600 });
  writeFileSync(join(dataDir, 'root-key'), 'key', { mode: 0o600 });
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const backUp = (day: number): Promise<string> =>
  backUpDatabase({ dataDir, label: '0.1.0', now: new Date(Date.UTC(2026, 0, day, 12, 30, 5, 123)) });

describe('backUpDatabase', () => {
  it('copies the database with its modes, its password and its version, under a name that says when and what', async () => {
    writeDataVersion(dataDir, { app: '0.1.0', schema: 'First1' });
    const path = await backUp(2);
    expect(path).toBe(join(dataDir, 'backups/20260102T123005123Z-0.1.0'));
    expect(readFileSync(join(path, 'postgres/base/1/file'), 'utf8')).toBe('page');
    expect([path, join(path, 'postgres')].map((directory) => statSync(directory).mode & 0o777)).toEqual([0o700, 0o700]);
    expect(statSync(join(path, 'postgres/base/1/file')).mode & 0o777).toBe(0o600);
    expect(readdirSync(path).sort()).toEqual(['postgres', 'postgres-password', 'version']);
  });

  it('leaves the root key out', async () => {
    expect(readdirSync(await backUp(2))).not.toContain('root-key');
  });

  it('keeps the newest only', async () => {
    for (const day of [3, 1, 5, 2, 4]) await backUp(day);
    const days = readdirSync(dataPaths(dataDir).backups).map((name) => name.slice(6, 8));
    expect(days).toEqual(['03', '04', '05']);
    expect(days).toHaveLength(BACKUPS_KEPT);
  });

  it('says what is wrong and leaves nothing half-made when it cannot write', async () => {
    writeFileSync(dataPaths(dataDir).backups, 'in the way');
    await expect(backUp(2)).rejects.toMatchObject({
      code: 'BACKUP_FAILED',
      message: expect.stringMatching(/unchanged/),
    });
  });
});

describe('the version of a data directory', () => {
  it('is read as it was written', () => {
    writeDataVersion(dataDir, { app: '0.1.0', schema: 'First1' });
    expect(readDataVersion(dataDir)).toEqual({ app: '0.1.0', schema: 'First1' });
  });

  it.each(['', '{', '{"app":"1"}', '[]'])('is unknown when its file says %j', (text) => {
    writeFileSync(dataPaths(dataDir).version, text);
    expect(readDataVersion(dataDir)).toBeUndefined();
  });
});

describe('mustBackUpFirst', () => {
  const product = { app: '0.2.0', schemas: ['First1', 'Second2'] };

  it('asks for a backup of older data only', () => {
    writeDataVersion(dataDir, { app: '0.1.0', schema: 'First1' });
    expect(mustBackUpFirst(dataDir, product)).toBe(true);
    writeDataVersion(dataDir, { app: '0.1.0', schema: 'Second2' });
    expect(mustBackUpFirst(dataDir, product)).toBe(false);
  });

  it('refuses data of a newer Claviger, naming both versions and the fix', () => {
    writeDataVersion(dataDir, { app: '0.3.0', schema: 'Third3' });
    const refusal = expect.objectContaining({ code: 'DATA_TOO_NEW' });
    expect(() => mustBackUpFirst(dataDir, product)).toThrow(refusal);
    expect(() => mustBackUpFirst(dataDir, product)).toThrow(/0\.3\.0.*newer.*0\.2\.0.*start that version.*backup/);
  });
});
