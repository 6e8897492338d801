import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { RETENTION_FAULT_POINTS, setFaultHook, type RequestContext } from '@claviger/kernel';
import type { Keyring } from '@claviger/platform/crypto';
import { createTestDatabase, FakeClock, testContext, testKeyring, type TestDatabase } from '@claviger/testing';
import { AnchorFile, parseAnchor, type AuditAnchor } from './anchor-file.js';
import { readAuditChain } from './audit-chain.js';
import { AuditExporter } from './audit-exporter.js';
import { keysOfStore } from './audit-keys.js';
import { AuditPartitions } from './audit-partitions.js';
import type { AuditRecord } from './audit-record.js';
import { describeReport, type AuditReport } from './audit-report.js';
import { AuditRetention } from './audit-retention.js';
import { verifyAudit } from './audit-verifier.js';
import { AUDIT_ENTITIES } from './audit.entities.js';
import { AuditService } from './audit.service.js';
import { exportFilesIn, readExport } from './export-files.js';
import { SealAnchors } from './seal-anchors.js';
import { Sealer } from './sealer.js';

// A limit for what hangs: many databases are made here, and a machine may be slow.
jest.setTimeout(60_000);

const DAY_MS = 86_400_000;
const POINTS = RETENTION_FAULT_POINTS.filter((point) => point.startsWith('audit.'));

class Killed extends Error {}

describe('AuditRetention', () => {
  let clock: FakeClock;
  let test: TestDatabase;
  let keyring: Keyring;
  let audit: AuditService;
  let partitions: AuditPartitions;
  let ctx: RequestContext;
  let root: string;
  let directory: string;
  let logged: string[];
  let names: number;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'claviger-retention-'));
  });
  afterAll(() => rm(root, { recursive: true }));
  beforeEach(async () => {
    // Far from the partitions that the template has.
    clock = new FakeClock(new Date('2031-12-28T12:00:00Z'));
    test = await createTestDatabase(AUDIT_ENTITIES);
    keyring = await testKeyring(test.database);
    audit = new AuditService(test.database, keyring, clock);
    partitions = new AuditPartitions(test.database, clock);
    ctx = testContext({ storeId: keyring.rootStoreId });
    directory = join(root, new URL(test.url).pathname.slice(1));
    logged = [];
    names = 0;
    await sql(`select audit_drop_day(day, '{}', '{}', '{}', '{}') from audit_days() day`);
    await partitions.makeAhead();
  });
  afterEach(async () => {
    setFaultHook(undefined);
    await test.drop();
  });

  const log = (event: string): void => void logged.push(event);
  const logger = { info: log, warn: log, error: log } as never;
  const retention = (over: { directory?: string } = {}): AuditRetention => {
    const at = over.directory ?? directory;
    const exporter = new AuditExporter({ database: test.database, keyring, clock, directory: at });
    return new AuditRetention({
      database: test.database,
      audit,
      logger,
      exporter,
      clock: { now: () => clock.now(), sleep: () => new Promise(setImmediate) },
      directory: at,
      retentionDays: 2,
    });
  };
  const run = (): Promise<readonly string[]> => retention().run(new AbortController().signal);
  const seal = async (): Promise<void> => {
    const anchors = new SealAnchors(new AnchorFile(`${directory}-anchors`), test.database, logger);
    await new Sealer({ database: test.database, keyring, clock, anchors }).sealAll();
  };
  const sql = async <R extends object>(text: string): Promise<R[]> => (await test.database.pool.query<R>(text)).rows;
  /** By somebody with all rights on the database. */
  const tamper = async (text: string): Promise<void> => {
    await sql(`begin; set local session_replication_role = replica; ${text}; commit`);
  };
  const write = async (count = 2): Promise<void> => {
    for (let i = 0; i < count; i += 1) {
      const resource = { kind: 'x', name: `entry-${(names += 1)}` };
      await audit.commit(ctx, audit.entry(ctx, { action: 'a.b', outcome: 'allowed', resource }));
    }
  };
  /** So many days, each with two seals over two entries. */
  const writeDays = async (days: number): Promise<void> => {
    for (let i = 0; i < days; i += 1) {
      for (let seals = 0; seals < 2; seals += 1) {
        await write();
        await seal();
      }
      await clock.advance(DAY_MS);
      await partitions.makeAhead();
    }
  };
  const anchors = async function* (): AsyncGenerator<AuditAnchor> {
    for (const line of (await readFile(`${directory}-anchors`, 'utf8')).trimEnd().split('\n')) yield parseAnchor(line)!;
  };
  const verify = (filesIn?: string): Promise<AuditReport> =>
    verifyAudit({
      records: readAuditChain(
        { database: test.database, keyring, clock, ...(filesIn && { files: exportFilesIn(filesIn) }) },
        keyring.rootStoreId,
      ),
      anchors: anchors(),
      keys: keysOfStore(keyring, keyring.rootStoreId),
    });
  /** The files of these exports alone, in that order. */
  const verifyFiles = async (...files: readonly string[]): Promise<AuditReport> => {
    const records = async function* (): AsyncGenerator<AuditRecord | undefined> {
      for (const file of files) yield* await readExport(join(directory, file));
    };
    return verifyAudit({ records: records(), anchors: anchors() });
  };
  const files = async (): Promise<string[]> => (await readdir(directory)).sort();
  const days = async (): Promise<string[]> => {
    const found = await sql<{ day: string }>(`select distinct day::text from audit_batch order by 1`);
    return found.map(({ day }) => day);
  };
  /** The names of all test entries, in the database and in the files. */
  const everything = async (): Promise<Set<string>> => {
    const inFiles: string[] = [];
    for (const file of await files())
      for await (const record of await readExport(join(directory, file)))
        if (record?.kind === 'batch') inFiles.push(...record.entries.map((entry) => entry.resourceName!));
    const stored = await sql<{ name: string }>(`select resource_name as name from audit_entry where action = 'a.b'`);
    return new Set([...inFiles, ...stored.map(({ name }) => name)].filter((name) => name?.startsWith('entry-')));
  };

  it('exports and drops the days that are old enough, one after another, and keeps the others', async () => {
    await writeDays(5);
    expect(await run()).toEqual(['2031-12-28', '2031-12-29', '2031-12-30']);
    await seal();
    expect(await days()).toEqual(['2031-12-31', '2032-01-01', '2032-01-02']);
    expect(await sql(`select to_regclass('audit_batch_20311230') as gone`)).toEqual([{ gone: null }]);
    expect(await files()).toEqual(['28', '29', '30'].map((day) => expect.stringContaining(`-2031-12-${day}-`)));
    for (const file of await files()) expect((await stat(join(directory, file))).mode & 0o777).toBe(0o600);
    expect((await everything()).size).toBe(names);
    expect(await run()).toEqual([]);
  });

  it('leaves a log that verifies: with a gap, and with the files without one', async () => {
    await writeDays(4);
    await run();
    await seal();
    const gap = await verify();
    expect(gap.broken).toBeUndefined();
    expect(gap).toMatchObject({
      isIntact: true,
      dropped: { throughDay: '2031-12-29', filledEntries: 0, missingEntries: 8, missingSeals: 4 },
      anchors: { vouchedUpTo: { seal: gap.seals } },
    });
    expect(describeReport(gap).join('\n')).toMatch(
      /Days up to 2031-12-29 were exported and dropped; 8 entries under 4 seals .*--files.*: audit-.*, audit-/,
    );
    const whole = await verify(directory);
    expect(whole).toMatchObject({ isIntact: true, dropped: { filledEntries: 8, missingSeals: 0 } });
    expect(whole.sealedEntries).toBe(gap.sealedEntries + 8);
    expect(describeReport(whole).join('\n')).toMatch(/their files are complete \(8 entries\)/);
  });

  it('writes files that verify without the database: in a row, from a later one on, and not with one left out', async () => {
    await writeDays(5);
    await run();
    const [first, second, third] = (await files()) as [string, string, string];
    expect(await verifyFiles(first, second, third)).toMatchObject({
      isIntact: true,
      sealedEntries: 12,
      seals: 6,
      keySource: 'export',
      anchors: { matched: 6, vouchedUpTo: { seal: 6 } },
    });
    const later = await verifyFiles(second, third);
    expect(later).toMatchObject({ isIntact: true, sealedEntries: 8, firstSeal: 3, seals: 6 });
    expect(describeReport(later).join('\n')).toContain('Seals 1 to 2 are not in these files');
    expect((await verifyFiles(first, third)).broken).toMatchObject({ code: 'EXPORT_MISSING', seal: 3 });
    expect((await verifyFiles(second, first)).broken).toMatchObject({ code: 'EXPORT_MISSING' });
  });

  it('keeps batches of the next day that lie under the same seal, and shows when one of them is gone or changed', async () => {
    await write(3);
    await clock.advance(DAY_MS);
    await write(3);
    await seal();
    await writeDays(2);
    expect(await run()).toEqual(['2031-12-28']);
    expect(await verify()).toMatchObject({ isIntact: true, dropped: { missingEntries: 6 } });
    expect(await verify(directory)).toMatchObject({ isIntact: true, dropped: { filledEntries: 6 } });
    const kept = `resource_name = 'entry-5'`;
    const [{ id }] = (await sql<{ id: string }>(`select batch_id as id from audit_entry where ${kept}`)) as [
      { id: string },
    ];
    await tamper(`create table saved as select * from audit_batch where id = '${id}';
      delete from audit_batch where id = '${id}'`);
    expect((await verify()).broken).toMatchObject({ code: 'KEPT_BATCHES_CHANGED' });
    await tamper(
      `insert into audit_batch select * from saved; update audit_batch set entries = entries || ' ' where id = '${id}'`,
    );
    expect((await verify()).broken).toMatchObject({ code: 'BATCH_CHANGED' });
    await tamper(`delete from audit_batch where id = '${id}'; insert into audit_batch select * from saved`);
    await clock.advance(DAY_MS);
    expect(await run()).toEqual(['2031-12-29']);
    await seal();
    expect(await verify(directory)).toMatchObject({ isIntact: true });
    expect((await everything()).size).toBe(names);
  });

  describe.each(POINTS)('that dies at %s', (point) => {
    it('is finished by the next run, and nothing is lost', async () => {
      await writeDays(4);
      const reached: string[] = [];
      setFaultHook((at) => {
        reached.push(at);
        if (at === point) throw new Killed();
      });
      await expect(run()).rejects.toThrow(Killed);
      expect(reached.at(-1)).toBe(point);
      setFaultHook(undefined);
      expect(await verify(directory)).toMatchObject({ isIntact: true });
      expect(await run()).toEqual(point === 'audit.dropped' ? ['2031-12-29'] : ['2031-12-28', '2031-12-29']);
      await seal();
      expect(await verify(directory)).toMatchObject({ isIntact: true, dropped: { filledEntries: 8 } });
      expect(await files()).toHaveLength(2);
      expect((await everything()).size).toBe(names);
    });
  });

  it('does not drop a day that is not sealed', async () => {
    await write();
    await clock.advance(4 * DAY_MS);
    expect(await run()).toEqual([]);
    expect(logged).toContain('audit.day_not_sealed');
    expect(await days()).toEqual(['2031-12-28']);
    await seal();
    expect(await run()).toContain('2031-12-28');
    expect(await files()).toHaveLength(1);
  });

  it('does not drop a day that was tampered with, and leaves no file of it', async () => {
    await writeDays(4);
    await tamper(`update audit_batch set entries = replace(entries, 'entry-6', 'entry-x')`);
    await expect(run()).rejects.toMatchObject({ code: 'AUDIT_BROKEN', details: { finding: 'BATCH_CHANGED', seal: 3 } });
    expect(await days()).toEqual(['2031-12-29', '2031-12-30', '2031-12-31', '2032-01-01']);
    expect(await files()).toHaveLength(1);
  });

  it('exports a day again when entries came since, or when its file is gone', async () => {
    await writeDays(3);
    setFaultHook((at) => {
      if (at === 'audit.export-recorded') throw new Killed();
    });
    await expect(run()).rejects.toThrow(Killed);
    setFaultHook(undefined);
    const late = new AuditService(test.database, keyring, new FakeClock(new Date('2031-12-28T13:00:00Z')));
    await late.commit(ctx, late.entry(ctx, { action: 'a.b', outcome: 'allowed', resource: { kind: 'x' } }));
    await seal();
    expect(await run()).toEqual([]);
    expect(logged).toContain('audit.day_grew');
    expect(await files()).toEqual([]);
    setFaultHook((at) => {
      if (at === 'audit.export-recorded') throw new Killed();
    });
    await expect(run()).rejects.toThrow(Killed);
    setFaultHook(undefined);
    const [file] = (await files()) as [string];
    await rename(join(directory, file), join(root, 'moved'));
    expect(await run()).toEqual(['2031-12-28']);
    expect(logged).toContain('audit.export_gone');
    await seal();
    expect(await verify(directory)).toMatchObject({ isIntact: true });
  });

  it('drops days of which there was no partition', async () => {
    await clock.advance(10 * DAY_MS);
    await write();
    await seal();
    expect(await sql(`select count(*)::int as count from audit_batch_default`)).toEqual([{ count: 2 }]);
    await clock.advance(5 * DAY_MS);
    await partitions.makeAhead();
    const gone = await run();
    expect(gone).toContain('2032-01-07');
    expect(await days()).toEqual(['2032-01-12']);
    await seal();
    expect(await verify(directory)).toMatchObject({ isIntact: true, dropped: { filledEntries: 2 } });
    await expect(sql(`delete from audit_batch`)).rejects.toThrow(/append-only/);
  });

  it('waits for whoever reads the log no longer than a moment, and comes again', async () => {
    await writeDays(3);
    const reader = await test.database.pool.connect();
    await reader.query('begin; select * from audit_batch limit 1');
    expect(await run()).toEqual([]);
    expect(logged).toContain('audit.day_in_use');
    await reader.query('commit');
    reader.release();
    expect(await run()).toEqual(['2031-12-28']);
  });

  it('stops between two entries when the process is about to end, and leaves no file', async () => {
    await writeDays(3);
    const stopping = new AbortController();
    const exporter = new AuditExporter({ database: test.database, keyring, clock, directory });
    stopping.abort();
    await expect(
      exporter.writeDay({ storeId: keyring.rootStoreId, day: '2031-12-28', signal: stopping.signal }),
    ).rejects.toThrow('abort');
    expect(await files()).toEqual([]);
    expect(await retention().run(stopping.signal)).toEqual([]);
  });

  it('is done by one process at a time', async () => {
    await writeDays(3);
    const { signal } = new AbortController();
    const gone = await Promise.all([1, 2, 3].map(() => retention().run(signal)));
    expect(gone.flat()).toEqual(['2031-12-28']);
  });

  it('cannot be claimed by somebody who only writes to the database, nor covered by another file', async () => {
    await writeDays(4);
    await run();
    await seal();
    for (const [change, code] of [
      [`through_day = through_day + 1`, 'EXPORT_SIGNATURE_WRONG'],
      [`last_seal = last_seal + 1`, 'EXPORT_SIGNATURE_WRONG'],
      [`number = number + 5`, 'EXPORT_SIGNATURE_WRONG'],
      [`sha256 = sha256('x')`, 'EXPORT_SIGNATURE_WRONG'],
    ] as const) {
      await tamper(`create table saved as table audit_export; update audit_export set ${change} where number = 2`);
      expect((await verify(directory)).broken).toMatchObject({ code });
      await tamper(`delete from audit_export; insert into audit_export table saved; drop table saved`);
    }
    await tamper(`create table saved as table audit_export; delete from audit_export where number = 2`);
    expect((await verify(directory)).broken).toMatchObject({ code: 'SEAL_BATCHES_MISSING', seal: 3 });
    await tamper(`insert into audit_export select * from saved where number = 2`);
    await expect(sql(`delete from audit_export`)).rejects.toThrow(/append-only/);
    const [first, second] = (await files()) as [string, string];
    await writeFile(join(directory, first), await readFile(join(directory, second)));
    expect((await verify(directory)).broken).toMatchObject({ code: 'EXPORT_FILE_CHANGED', seal: 1 });
    expect((await verifyFiles(second)).isIntact).toBe(true);
    await writeFile(join(directory, second), (await readFile(join(directory, second))).subarray(0, 600));
    expect((await verifyFiles(second)).broken).toMatchObject({ code: 'RECORD_UNREADABLE' });
  });
});
