import { createHash, createPublicKey } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { HmacKey } from '../../../libs/platform/src/crypto/hmac-key.js';
import { ReportSigner } from '../../../libs/features/src/reports/report-key.js';
import { MANIFEST_FORMAT, type ReportManifest } from '../../../libs/features/src/reports/report-manifest.js';
import { REPORT_USAGE, runReport } from './report.js';

const signerOf = (byte: number): ReportSigner => {
  const key = new HmacKey(Buffer.alloc(32, byte));
  return new ReportSigner({ keyId: `key-${byte}`, hmac: (data) => key.digest(data) });
};
const DOCUMENT = Buffer.from('"name"\r\n"a"\r\n');
const seal = {
  storeId: 'store-1',
  number: 3,
  hash: 'ab'.repeat(32),
  merkleRoot: 'cd',
  sealedAt: '2026-11-21T00:00:00.000Z',
};
const manifest: ReportManifest = {
  format: MANIFEST_FORMAT,
  reportId: 'report-1',
  storeId: 'store-1',
  kind: 'inventory',
  parameters: { owner: 'team-a' },
  moment: '2026-11-01T00:00:00.000Z',
  drawnAt: '2026-11-21T16:51:34.280Z',
  requestedBy: { id: 'user:1', name: 'ada' },
  seal,
  document: { format: 'csv', bytes: DOCUMENT.length, sha256: createHash('sha256').update(DOCUMENT).digest('hex') },
};

describe('npm run report', () => {
  let directory: string;
  let lines: string[];
  const at = (name: string): string => join(directory, name);
  const file = async (name: string, content: string | Buffer): Promise<string> => {
    await writeFile(at(name), content);
    return at(name);
  };
  const run = (...argv: string[]): Promise<number> => runReport(argv, (line) => lines.push(line));
  const verify = (...more: string[]): Promise<number> =>
    run('verify', at('document'), '--signature', at('signature'), ...more);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'claviger-report-'));
    await file('document', DOCUMENT);
    await file('signature', `${await signerOf(1).sign(manifest)}\n`);
    await file('keys', JSON.stringify({ keys: [await signerOf(2).publicKey(), await signerOf(1).publicKey()] }));
    await file('other-keys', JSON.stringify({ keys: [await signerOf(2).publicKey()] }));
  });
  afterAll(() => rm(directory, { recursive: true }));
  beforeEach(() => {
    lines = [];
  });

  it('says of a genuine document what it is, and by which key', async () => {
    expect(await verify('--key', at('keys'))).toBe(0);
    const { kid } = await signerOf(1).publicKey();
    expect(lines).toEqual([
      'GENUINE: every byte is as it was signed.',
      `Report: inventory as of 2026-11-01T00:00:00.000Z (csv, ${DOCUMENT.length} bytes), report-1 of store store-1.`,
      'Parameters: {"owner":"team-a"}.',
      'Drawn: 2026-11-21T16:51:34.280Z, asked for by ada (user:1).',
      `Audit seal: number 3 of 2026-11-21T00:00:00.000Z, ${seal.hash}.`,
      `Signature: by ${kid}, one of the keys given.`,
    ]);
  });

  it('takes a key as JSON or as PEM', async () => {
    const jwk = await signerOf(1).publicKey();
    const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'pem', type: 'spki' });
    for (const text of [JSON.stringify(jwk), pem as string])
      expect(await verify('--key', await file('key', text))).toBe(0);
  });

  it('warns that a key which stands in the signature proves little', async () => {
    expect(await verify()).toBe(0);
    expect(lines.at(-1)).toContain('whoever made it could have chosen');
  });

  it('finds a document that differs by one byte', async () => {
    for (let index = 0; index < DOCUMENT.length; index += 1) {
      const changed = Buffer.from(DOCUMENT);
      changed[index]! ^= 1;
      const path = await file('changed', changed);
      expect(await run('verify', path, '--signature', at('signature'), '--key', at('keys'))).toBe(1);
    }
    for (const other of [DOCUMENT.subarray(1), Buffer.concat([DOCUMENT, Buffer.from('x')]), Buffer.alloc(0)])
      expect(await run('verify', await file('changed', other), '--signature', at('signature'))).toBe(1);
    expect(lines.every((line) => line.startsWith('NOT GENUINE'))).toBe(true);
  });

  it('finds a signature that was changed anywhere', async () => {
    const signature = await signerOf(1).sign(manifest);
    for (let index = 0; index < signature.length - 1; index += 7) {
      const other = signature[index] === 'A' ? 'B' : 'A';
      const changed = await file('changed', signature.slice(0, index) + other + signature.slice(index + 1));
      expect(await run('verify', at('document'), '--signature', changed, '--key', at('keys'))).toBe(1);
    }
  });

  it('refuses what was signed by a key that is not trusted, also when that key stands in the signature', async () => {
    expect(await verify('--key', at('other-keys'))).toBe(1);
    expect(lines[0]).toMatch(/^NOT GENUINE: It was signed with the key .* none of those given/);
  });

  it('refuses a signature of something else', async () => {
    for (const text of ['', 'x.y.z', DOCUMENT.toString(), JSON.stringify(manifest)])
      expect(await run('verify', at('document'), '--signature', await file('no-signature', text))).toBe(1);
  });

  it('looks the seal up in the anchors', async () => {
    const anchor = (number: number, hash: string): string =>
      `${JSON.stringify({ sealedAt: seal.sealedAt, storeId: 'store-1', number, hash, keyId: 'k', publicKey: 'p' })}\n`;
    await file('anchors', anchor(2, '00'.repeat(32)) + anchor(3, seal.hash));
    await file('other-anchors', anchor(3, '00'.repeat(32)));
    await file('no-anchors', anchor(2, '00'.repeat(32)));
    expect(await verify('--anchors', at('anchors'))).toBe(0);
    expect(lines).toContain('Anchors: they know that seal.');
    expect(await verify('--anchors', at('no-anchors'))).toBe(0);
    expect(lines).toContain('Anchors: they say nothing about that seal.');
    expect(await verify('--anchors', at('other-anchors'))).toBe(1);
    expect(lines).toContain('NOT GENUINE: the anchors know another seal of that number.');
  });

  it('says what is wrong with how it is called, or with a file', async () => {
    for (const argv of [
      [],
      ['verify'],
      ['verify', 'a'],
      ['show', 'a', '--signature', 'b'],
      ['verify', 'a', '--nonsense'],
    ])
      expect(await run(...argv)).toBe(2);
    expect(new Set(lines)).toEqual(new Set([REPORT_USAGE]));
    lines = [];
    expect(await run('verify', at('nowhere'), '--signature', at('signature'))).toBe(2);
    expect(await verify('--key', at('document'))).toBe(2);
    expect(await run('verify', directory, '--signature', at('signature'))).toBe(2);
    expect(lines).toEqual([
      `The file ${at('nowhere')} cannot be used (ENOENT).`,
      `The file ${at('document')} holds no Ed25519 public key: a JSON Web Key Set, a JSON Web Key or PEM is needed.`,
      expect.stringContaining('cannot be used (EISDIR).'),
    ]);
  });
});
