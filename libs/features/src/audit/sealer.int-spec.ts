import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock, type RequestContext } from '@claviger/kernel';
import type { Keyring } from '@claviger/platform/crypto';
import type { Logger } from '@claviger/platform/telemetry';
import { createTestDatabase, testContext, testKeyring, type TestDatabase } from '@claviger/testing';
import { AnchorFile, parseAnchor, type AuditAnchor } from './anchor-file.js';
import { readAuditChain } from './audit-chain.js';
import { keysOfStore } from './audit-keys.js';
import type { AuditReport } from './audit-report.js';
import { verifyAudit } from './audit-verifier.js';
import { AUDIT_ENTITIES } from './audit.entities.js';
import { AuditService } from './audit.service.js';
import { SealAnchors } from './seal-anchors.js';
import { MAX_SEALED_BATCHES, Sealer } from './sealer.js';

describe('Sealer', () => {
  let test: TestDatabase;
  let keyring: Keyring;
  let audit: AuditService;
  let ctx: RequestContext;
  let directory: string;
  let logged: string[];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'claviger-anchors-'));
  });
  afterAll(() => rm(directory, { recursive: true }));
  beforeEach(async () => {
    test = await createTestDatabase(AUDIT_ENTITIES);
    keyring = await testKeyring(test.database);
    audit = new AuditService(test.database, keyring, systemClock);
    ctx = testContext({ storeId: keyring.rootStoreId });
    logged = [];
  });
  afterEach(() => test.drop());

  const logger = { error: (event: string) => void logged.push(event) } as unknown as Logger;
  const anchorPath = (): string => join(directory, new URL(test.url).pathname.slice(1));
  const newSealer = (isAnchored = false): Sealer => {
    const anchors = new SealAnchors(new AnchorFile(anchorPath()), test.database, logger);
    return new Sealer({ database: test.database, keyring, clock: systemClock, ...(isAnchored && { anchors }) });
  };
  /** So many batches of one entry. */
  const write = async (count: number): Promise<void> => {
    const event = { action: 'a.b', outcome: 'allowed', resource: { kind: 'x' } } as const;
    await test.database.transaction(ctx, async (tx) => {
      for (let i = 0; i < count; i += 1) await audit.record(tx, audit.entry(tx, event));
    });
  };
  const verify = async (anchors?: readonly AuditAnchor[]): Promise<AuditReport> =>
    verifyAudit({
      records: readAuditChain({ database: test.database, keyring, clock: systemClock }, keyring.rootStoreId),
      keys: keysOfStore(keyring, keyring.rootStoreId),
      ...(anchors && {
        anchors: (async function* () {
          yield* anchors;
        })(),
      }),
    });
  const anchorsInFile = async (): Promise<AuditAnchor[]> =>
    (await readFile(anchorPath(), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => parseAnchor(line)!);
  const sql = async (text: string): Promise<{ [column: string]: unknown }[]> =>
    (await test.database.pool.query(text)).rows;
  const tamper = async (text: string): Promise<void> => {
    await test.database.pool.query(`begin; set local session_replication_role = replica; ${text}; commit`);
  };

  it('seals what is committed, once, and writes nothing when nothing is new', async () => {
    const sealer = newSealer();
    expect(await sealer.sealAll()).toBe(0);
    expect(await sql('select * from audit_seal')).toEqual([]);
    await write(5);
    expect(await sealer.sealAll()).toBe(5);
    expect(await sealer.sealAll()).toBe(0);
    await write(1);
    expect(await sealer.sealAll()).toBe(1);
    expect(await sql('select number, batch_count from audit_seal order by number')).toEqual([
      { number: '1', batch_count: 5 },
      { number: '2', batch_count: 1 },
    ]);
    expect(await verify()).toMatchObject({ isIntact: true, sealedEntries: 6, seals: 2, tail: { count: 0 } });
  });

  it('puts no more batches under one seal than it may', async () => {
    await write(MAX_SEALED_BATCHES * 2 + 1);
    expect(await newSealer().sealAll()).toBe(MAX_SEALED_BATCHES * 2 + 1);
    expect(await verify()).toMatchObject({ isIntact: true, seals: 3, sealedEntries: MAX_SEALED_BATCHES * 2 + 1 });
  });

  it('waits for a transaction that began before and may still commit an entry', async () => {
    const sealer = newSealer();
    await test.database.transaction(ctx, async (tx) => {
      await audit.record(tx, audit.entry(tx, { action: 'slow', outcome: 'allowed', resource: { kind: 'x' } }));
      await write(3);
      expect(await sealer.sealAll()).toBe(0);
    });
    expect(await sealer.sealAll()).toBe(4);
    expect(await sql('select batch_count from audit_seal')).toEqual([{ batch_count: 4 }]);
    expect((await verify()).isIntact).toBe(true);
  });

  it('never seals the entry of a transaction that rolled back', async () => {
    const work = test.database.transaction(ctx, async (tx) => {
      await audit.record(tx, audit.entry(tx, { action: 'undone', outcome: 'allowed', resource: { kind: 'x' } }));
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(await newSealer().sealAll()).toBe(0);
  });

  it('seals every batch exactly once, whatever commits in whichever order while several sealers run', async () => {
    const sealers = [newSealer(true), newSealer(true), newSealer()];
    let isWriting = true;
    const sealing = sealers.map(async (sealer) => {
      let count = 0;
      while (isWriting) {
        count += await sealer.sealAll();
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
      return count;
    });
    let written = 0;
    const writer = async (): Promise<void> => {
      for (let i = 0; i < 25; i += 1) {
        const isUndone = Math.random() < 0.2;
        const work = test.database.transaction(ctx, async (tx) => {
          for (let n = Math.ceil(Math.random() * 3); n > 0; n -= 1) {
            await audit.record(tx, audit.entry(tx, { action: 'a.b', outcome: 'allowed', resource: { kind: 'x' } }));
            await new Promise((resolve) => setTimeout(resolve, Math.random() * 8));
          }
          if (isUndone) throw new Error('undone');
        });
        await work.catch(() => undefined);
        await write(3);
      }
    };
    await Promise.all(Array.from({ length: 6 }, writer));
    isWriting = false;
    const during = (await Promise.all(sealing)).reduce((sum, count) => sum + count);
    const after = await newSealer(true).sealAll();
    written = Number((await sql('select count(*) from audit_batch'))[0]!['count']);
    expect(during + after).toBe(written);
    expect(after).toBeLessThan(written);
    const report = await verify(await anchorsInFile());
    expect(report).toMatchObject({ isIntact: true, sealedEntries: written, tail: { count: 0 } });
    expect(report.anchors!.vouchedUpTo!.seal).toBe(report.seals);
  });

  it('leaves a store alone while another process seals it', async () => {
    await write(2);
    const other = await test.database.pool.connect();
    const lock = `pg_advisory_lock(${0x61756474}, hashtext('${keyring.rootStoreId}'))`;
    await other.query(`select ${lock}`);
    const sealer = newSealer();
    expect(await sealer.sealAll()).toBe(0);
    await other.query(`select ${lock.replace('lock(', 'unlock(')}`);
    other.release();
    expect(await sealer.sealAll()).toBe(2);
  });

  describe('over a log that came from another database cluster', () => {
    const PAST = '1234';
    const moveToPast = (where = ''): Promise<void> => tamper(`update audit_batch set epoch = ${PAST} ${where}`);

    it('seals first what was left unsealed there, then what is new', async () => {
      await write(3);
      await moveToPast();
      await write(2);
      expect(await newSealer().sealAll()).toBe(5);
      expect(await sql(`select number, epoch = ${PAST} as past, batch_count from audit_seal order by number`)).toEqual([
        { number: '1', past: true, batch_count: 3 },
        { number: '2', past: false, batch_count: 2 },
      ]);
      expect(await verify()).toMatchObject({ isIntact: true, sealedEntries: 5 });
    });

    it('is read as of one moment', async () => {
      await write(3);
      await moveToPast();
      await write(1);
      const kinds: string[] = [];
      const source = { database: test.database, keyring, clock: systemClock };
      for await (const record of readAuditChain(source, keyring.rootStoreId)) {
        const kind = record!.kind;
        if (kind === 'batch' && !kinds.includes('batch')) await write(1);
        kinds.push(kind);
      }
      expect(kinds).toEqual(['export', 'batch', 'batch', 'batch', 'batch']);
    });

    it('goes on although transactions count from a smaller number again', async () => {
      await write(3);
      await moveToPast();
      await tamper(`update audit_batch set tx = tx + 1000000`);
      const sealer = newSealer();
      expect(await sealer.sealAll()).toBe(3);
      await write(2);
      expect(await sealer.sealAll()).toBe(2);
      expect(await verify()).toMatchObject({ isIntact: true, sealedEntries: 5, seals: 2 });
    });
  });

  describe('with an anchor file', () => {
    it('appends the newest seal after each pass, for its owner only to read', async () => {
      const sealer = newSealer(true);
      await write(1);
      await sealer.sealAll();
      await write(1);
      await sealer.sealAll();
      await sealer.sealAll();
      expect((await anchorsInFile()).map(({ number }) => number)).toEqual([1, 2]);
      expect(await verify(await anchorsInFile())).toMatchObject({ isIntact: true, anchors: { matched: 2 } });
    });

    it('makes good at the next start what a crash between commit and append left out', async () => {
      await write(1);
      await newSealer(true).sealAll();
      await write(1);
      await newSealer().sealAll();
      expect((await anchorsInFile()).map(({ number }) => number)).toEqual([1]);
      for (let start = 0; start < 2; start += 1) {
        expect(await newSealer(true).sealAll()).toBe(0);
        expect((await anchorsInFile()).map(({ number }) => number)).toEqual([1, 2]);
      }
    });

    it('makes good in the next pass what could not be appended', async () => {
      await write(1);
      const sealer = newSealer(true);
      await rm(anchorPath(), { force: true });
      const elsewhere = new Sealer({
        database: test.database,
        keyring,
        clock: systemClock,
        anchors: new SealAnchors(new AnchorFile(join(directory, 'absent', 'file')), test.database, logger),
      });
      await expect(elsewhere.sealAll()).rejects.toMatchObject({ code: 'ENOENT' });
      expect(await sql('select number from audit_seal')).toEqual([{ number: '1' }]);
      await sealer.sealAll();
      expect((await anchorsInFile()).map(({ number }) => number)).toEqual([1]);
    });

    it('removes a line that a crash cut short', async () => {
      const sealer = newSealer(true);
      await write(1);
      await sealer.sealAll();
      await writeFile(anchorPath(), '{"storeId":"01', { flag: 'a' });
      await write(1);
      await newSealer(true).sealAll();
      expect((await anchorsInFile()).map((anchor) => anchor?.number)).toEqual([1, 2]);
    });

    it('says so, and goes on, when the file knows more than the database', async () => {
      const sealer = newSealer(true);
      for (let i = 0; i < 3; i += 1) {
        await write(1);
        await sealer.sealAll();
      }
      await tamper(
        'delete from audit_seal where number > 1; delete from audit_batch where tx > (select watermark_tx from audit_seal)',
      );
      await write(1);
      await newSealer(true).sealAll();
      expect(logged).toEqual(['audit.anchor_disagrees']);
      expect((await anchorsInFile()).map(({ number }) => number)).toEqual([1, 2, 3, 2]);
      expect((await verify(await anchorsInFile())).broken).toMatchObject({ code: 'SEAL_NOT_THE_ANCHORED', seal: 2 });
      expect(await verify()).toMatchObject({ isIntact: true });
    });
  });
});
