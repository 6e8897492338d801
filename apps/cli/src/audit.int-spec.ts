import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '@claviger/kernel';
import { AnchorFile, AUDIT_ENTITIES, AuditExporter, AuditService, SealAnchors, Sealer } from '@claviger/features/audit';
import type { Keyring } from '@claviger/platform/crypto';
import { createTestDatabase, testContext, testKeyring, type TestDatabase } from '@claviger/testing';
import { AUDIT_USAGE, runAudit } from './audit.js';

describe('npm run audit', () => {
  let test: TestDatabase;
  let keyring: Keyring;
  let directory: string;
  let lines: string[];
  let isOpened: boolean;

  beforeAll(async () => {
    test = await createTestDatabase(AUDIT_ENTITIES);
    keyring = await testKeyring(test.database);
    directory = await mkdtemp(join(tmpdir(), 'claviger-audit-'));
    const ctx = testContext({ storeId: keyring.rootStoreId });
    const audit = new AuditService(test.database, keyring, systemClock);
    const logger = { error: () => undefined } as never;
    const anchors = new SealAnchors(new AnchorFile(file('anchors')), test.database, logger);
    const sealer = new Sealer({ database: test.database, keyring, clock: systemClock, anchors });
    for (let i = 0; i < 7; i += 1) {
      await audit.commit(
        ctx,
        audit.entry(ctx, { action: 'a.b', outcome: 'allowed', resource: { kind: 'x', name: `entry-${i}` } }),
      );
      if (i % 2 === 1) await sealer.sealAll();
    }
  });
  afterAll(async () => {
    await test.drop();
    await rm(directory, { recursive: true });
  });
  beforeEach(() => {
    lines = [];
    isOpened = false;
  });

  const file = (name: string): string => join(directory, name);
  const run = (...argv: string[]): Promise<number> =>
    runAudit(argv, {
      open: async () => {
        isOpened = true;
        return { database: test.database, keyring };
      },
      anchorFile: file('anchors'),
      exportDirectory: undefined,
      clock: systemClock,
      out: (line) => void lines.push(line),
    });
  const said = (): string => lines.join('\n');

  it('verifies the database against the configured anchors', async () => {
    expect(await run('verify')).toBe(0);
    expect(said()).toMatch(/^INTACT/);
    expect(said()).toMatch(/6 entries under 3 seals/);
    expect(said()).toMatch(/Unsealed tail: 1 entries/);
    expect(said()).toMatch(/MACs: checked/);
    expect(said()).toMatch(/Anchors: 3 match; they vouch for everything up to seal 3/);
  });

  it('does without an anchor file that is not there yet, and says what that means', async () => {
    await run('verify', '--anchors', file('anchors'));
    const withAnchors = said();
    lines = [];
    const code = await runAudit(['verify'], {
      open: async () => ({ database: test.database, keyring }),
      anchorFile: file('absent'),
      exportDirectory: undefined,
      clock: systemClock,
      out: (line) => void lines.push(line),
    });
    expect(code).toBe(0);
    expect(said()).toMatch(/Anchors: none given, so a cut end of the log would not show/);
    expect(withAnchors).toMatch(/vouch/);
  });

  it('exports for its owner only, and verifies the export without database and keys', async () => {
    expect(await run('export', file('log'))).toBe(0);
    expect(said()).toMatch(/Wrote 7 entries and 3 seals/);
    expect((await stat(file('log'))).mode & 0o777).toBe(0o600);
    isOpened = false;
    expect(await run('verify', '--export', file('log'), '--anchors', file('anchors'))).toBe(0);
    expect(isOpened).toBe(false);
    expect(said()).toMatch(/public keys in the anchor file/);
    expect(said()).toMatch(/MACs: not checked/);
    expect(await run('verify', '--export', file('log'))).toBe(0);
    expect(said()).toMatch(/public keys in the export itself/);
  });

  it('names the first broken link of a changed export', async () => {
    await run('export', file('whole'));
    const whole = await readFile(file('whole'), 'utf8');
    await writeFile(file('changed'), whole.replace('entry-2', 'entry-x'));
    expect(await run('verify', '--export', file('changed'))).toBe(1);
    expect(lines.find((line) => line.startsWith('BROKEN'))).toMatch(
      /at seal 2, batch \d{4}-\d\d-\d\d\/[0-9a-f-]{36}: .*BATCH_CHANGED/,
    );
    const cut = whole.split('\n').filter((line) => !line.includes('"number":3') && !/entry-[456]/.test(line));
    await writeFile(file('cut'), cut.join('\n'));
    expect(await run('verify', '--export', file('cut'))).toBe(0);
    expect(await run('verify', '--export', file('cut'), '--anchors', file('anchors'))).toBe(1);
    expect(said()).toMatch(/BROKEN at seal 3: .*TAIL_CUT/);
    await writeFile(file('garbage'), whole.replace('"kind":"seal"', '"kind":"zeal"'));
    expect(await run('verify', '--export', file('garbage'))).toBe(1);
    expect(said()).toMatch(/RECORD_UNREADABLE/);
  });

  it('finds the files of dropped days where it is told, and takes exports in any order', async () => {
    const audit = new AuditService(test.database, keyring, systemClock);
    const exporter = new AuditExporter({
      database: test.database,
      keyring,
      clock: systemClock,
      directory: file('exports'),
    });
    const signal = new AbortController().signal;
    const storeId = keyring.rootStoreId;
    const day = new Date().toISOString().slice(0, 10);
    const sealer = new Sealer({ database: test.database, keyring, clock: systemClock });
    await sealer.sealAll();
    const first = await exporter.writeDay({ storeId, day, signal });
    const ctx = testContext({ storeId });
    await audit.commit(ctx, audit.entry(ctx, { action: 'a.b', outcome: 'allowed', resource: { kind: 'x' } }));
    await sealer.sealAll();
    if (typeof first === 'string') throw new Error(first);
    const second = await exporter.writeDay({ storeId, day, before: first, signal });
    if (typeof second === 'string') throw new Error(second);
    const [a, b] = [first, second].map(({ file: name }) => join(file('exports'), name)) as [string, string];
    expect(await run('verify', '--export', b, '--export', a)).toBe(0);
    expect(said()).toMatch(/Checked: 8 entries under 5 seals/);
    lines = [];
    expect(await run('verify', '--export', b)).toBe(0);
    expect(said()).toMatch(/Seals 1 to 4 are not in these files/);
  });

  it('ignores an anchor that a crash cut short', async () => {
    await writeFile(file('torn'), (await readFile(file('anchors'), 'utf8')) + '{"storeId":"01');
    expect(await run('verify', '--anchors', file('torn'))).toBe(0);
  });

  it('never overwrites, and says which file cannot be used', async () => {
    await writeFile(file('taken'), 'mine');
    expect(await run('export', file('taken'))).toBe(2);
    expect(said()).toMatch(/taken cannot be used \(EEXIST\)/);
    expect(await readFile(file('taken'), 'utf8')).toBe('mine');
    expect(await run('verify', '--anchors', file('absent'))).toBe(2);
    expect(await run('verify', '--export', file('absent'))).toBe(2);
    expect(said()).toMatch(/absent cannot be used \(ENOENT\)/);
  });

  it.each([
    [],
    ['help'],
    ['export'],
    ['verify', 'file'],
    ['export', 'a', 'b'],
    ['verify', '--nonsense'],
    ['verify', '--export', 'a', '--files', 'b'],
    ['export', 'a', '--anchors', 'b'],
  ])('prints how it is used for %j', async (...argv: string[]) => {
    expect(await run(...argv)).toBe(2);
    expect(said()).toBe(AUDIT_USAGE);
    expect(isOpened).toBe(false);
  });
});
