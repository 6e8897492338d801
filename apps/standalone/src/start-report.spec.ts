import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { AppError } from '@claviger/kernel';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { failureLine, readyLines } from './start-report.js';

describe('readyLines', () => {
  it('names the address, the log, the file of the root token and a command that reads it', () => {
    const text = readyLines('0.1.0', { url: 'http://127.0.0.1:8200', dataDir: '/srv/claviger' }).join('\n');
    expect(text).toContain('ready at http://127.0.0.1:8200');
    expect(text).toContain('log         /srv/claviger/claviger.log');
    expect(text).toContain('root token  /srv/claviger/root-token');
    expect(text).toContain('$(cat /srv/claviger/root-token)" http://127.0.0.1:8200/api/v1/whoami');
  });

  it('gives a command that works where the path has spaces and quotes', () => {
    const text = readyLines('0.1.0', { url: 'http://127.0.0.1:1', dataDir: "/srv/my 'data" }).join('\n');
    expect(text).toContain(`$(cat '/srv/my '\\''data/root-token')`);
  });
});

describe('failureLine', () => {
  let dataDir: string;
  beforeAll(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'claviger-report-'));
  });
  afterAll(() => rmSync(dataDir, { recursive: true }));

  it('is the sentence of an AppError', () => {
    const error = new AppError({ code: 'PORT_IN_USE', kind: 'precondition', message: 'Port 1 is in use.' });
    expect(failureLine(error, dataDir)).toBe('Port 1 is in use.');
    expect(existsSync(join(dataDir, 'last-error.log'))).toBe(false);
  });

  it('keeps what a defect says in a file that only its owner reads', () => {
    const line = failureLine(new TypeError('canary-55'), dataDir);
    const path = join(dataDir, 'last-error.log');
    expect(line).toBe(`Claviger ended because of a defect (TypeError); what is known of it is in ${path}.`);
    expect(readFileSync(path, 'utf8')).toContain('canary-55');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('says nothing of a defect where it has no directory', () => {
    expect(failureLine(new TypeError('canary-55'), undefined)).not.toContain('canary');
  });
});
