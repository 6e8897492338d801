import { closeSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { LogFile, openLogFile } from './log-file.js';

const LIMIT_BYTES = 10 * 1024 * 1024;
const directory = mkdtempSync(join(tmpdir(), 'claviger-log-'));
const path = join(directory, 'some.log');
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function append(text: string): void {
  const file = openLogFile(path);
  writeSync(file, text);
  closeSync(file);
}

describe('openLogFile', () => {
  it('appends to a file that only its owner reads', () => {
    append('one\n');
    append('two\n');
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('goes on with a file of up to 10 MiB', () => {
    truncateSync(path, LIMIT_BYTES);
    append('');
    expect(statSync(path).size).toBe(LIMIT_BYTES);
    expect(readdirSync(directory)).toEqual(['some.log']);
  });

  it('sets a longer one aside, and keeps one such', () => {
    for (const text of ['first', 'second']) {
      append(text);
      truncateSync(path, LIMIT_BYTES + 1);
    }
    append('third');
    expect(readdirSync(directory).sort()).toEqual(['some.log', 'some.log.1']);
    expect(readFileSync(path, 'utf8')).toBe('third');
    expect(readFileSync(`${path}.1`, 'utf8')).toMatch(/^second/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});

describe('LogFile', () => {
  const own = join(directory, 'own.log');
  const sizes = (): number[] => [own, `${own}.1`].map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? -1);

  it('is set aside while it is written, as often as it becomes too long, and loses no line', () => {
    const log = new LogFile(own);
    log.write('one\n');
    expect(sizes()).toEqual([4, -1]);
    const long = `${'x'.repeat(LIMIT_BYTES - 4)}\n`;
    log.write(long);
    expect(sizes()).toEqual([LIMIT_BYTES + 1, -1]);
    log.write('two\n');
    expect(sizes()).toEqual([4, LIMIT_BYTES + 1]);
    expect(readFileSync(own, 'utf8')).toBe('two\n');
    expect(statSync(own).mode & 0o777).toBe(0o600);
  });

  it('knows at once how long the file is that it goes on with', () => {
    truncateSync(own, LIMIT_BYTES + 1);
    new LogFile(own).write('three\n');
    expect(readFileSync(own, 'utf8')).toBe('three\n');
  });

  it('goes on where nothing can be written', () => {
    const log = new LogFile(own);
    rmSync(directory, { recursive: true });
    log.write('x'.repeat(LIMIT_BYTES + 1));
    expect(() => log.write('lost\n')).not.toThrow();
  });
});
