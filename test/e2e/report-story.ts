import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiClient } from '@claviger/testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { runReport } from '../../apps/cli/src/report.js';
import { factsOf } from '../../libs/testing/src/report-room.js';
import { textOfPdf } from '../../libs/testing/src/pdf-text.js';
import { unique, type Stage } from './stage.js';

const CANARY = 'auditor-canary-91c4';
const KINDS = ['compliance', 'inventory', 'access', 'approvals', 'replication', 'expiring'];
const FORMATS = ['json', 'csv', 'pdf'];

/** The bytes of an answer. */
export async function fetchBytes({ url, token }: ApiClient, path: string): Promise<Buffer> {
  const answer = await fetch(`${url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } });
  expect({ path, status: answer.status }).toEqual({ path, status: 200 });
  return Buffer.from(await answer.arrayBuffer());
}

/** An auditor pulls reports about a secret that was made, written and read, and checks them apart from Claviger. */
export function tellReportStory(stage: () => Stage, kinds: readonly string[] = KINDS): void {
  let directory: string;
  let auditor: ApiClient;
  let name: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'claviger-reports-'));
    auditor = await stage().tokenWith('auditor');
    name = unique('audited');
    const [source, target] = [await stage().vault('builtin'), await stage().vault('builtin')];
    const expiresAt = new Date(Date.now() + 86_400_000).toISOString();
    const { id } = await stage().secret({ name, source, targets: [target], content: { value: CANARY }, expiresAt });
    await stage().write(id as string, { value: `${CANARY} again` });
    await stage().content(id as string);
    await stage().inSync(id as string);
  });
  afterAll(() => rm(directory, { recursive: true }));

  async function file(path: string, content: Buffer | string): Promise<string> {
    const at = join(directory, path);
    await writeFile(at, content);
    return at;
  }

  it.each([...kinds])('has a report of %s drawn, reads no value in it, and verifies it offline', async (kind) => {
    const asked = await auditor.post('/reports', { kind });
    expect(asked).toMatchObject({ status: 201, body: { state: 'queued', formats: FORMATS } });
    const { documents, seal } = await stage().drawn(asked.body.id as string);
    expect(seal).toMatchObject({ number: expect.any(Number) });
    const key = await file('keys', await fetchBytes(auditor, '/report-keys'));
    for (const { format, ...facts } of documents as { format: string }[]) {
      const path = `/reports/${asked.body.id}/documents/${format}`;
      const bytes = await fetchBytes(auditor, path);
      expect(factsOf(bytes)).toEqual(facts);
      const text = format === 'pdf' ? textOfPdf(bytes) : bytes.toString();
      expect({ format, tells: text.includes(CANARY) }).toEqual({ format, tells: false });
      if (!['approvals', 'compliance'].includes(kind))
        expect({ format, isAbout: text.includes(name) }).toEqual({ format, isAbout: true });
      const signature = await file('signature', await fetchBytes(auditor, `${path}/signature`));
      const lines: string[] = [];
      const argv = ['verify', await file('document', bytes), '--signature', signature, '--key', key];
      expect(await runReport(argv, (line) => lines.push(line))).toBe(0);
      expect(lines[0]).toMatch(/^GENUINE/);
    }
  });
}
