import { beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '@claviger/kernel';
import fc from 'fast-check';
import type { AuditAnchor } from './anchor-file.js';
import { auditMac, batchDigest, joined } from './audit-batch.js';
import { entryText, type AuditEntryFields } from './audit-entry.js';
import { publicKeys, type AuditKeys } from './audit-keys.js';
import type { AuditRecord } from './audit-record.js';
import { describeReport, type AuditReport } from './audit-report.js';
import { verifyAudit } from './audit-verifier.js';
import {
  anchorTo,
  batchAt,
  keys,
  mac,
  makeLog,
  namedMac,
  sealOver,
  signer,
  stranger,
  type BatchRecord,
  type SealRecord,
} from './fixtures/sealed-log.js';

async function* stream<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
const verify = (records: readonly (AuditRecord | undefined)[], anchors?: readonly AuditAnchor[], by?: AuditKeys) =>
  verifyAudit({ records: stream(records), ...(anchors && { anchors: stream(anchors) }), keys: by ?? keys });
const isBatch = (record: AuditRecord): record is BatchRecord => record.kind === 'batch';
const isSeal = (record: AuditRecord): record is SealRecord => record.kind === 'seal';

describe('verifyAudit', () => {
  let log: AuditRecord[];
  let batches: BatchRecord[];
  let seals: SealRecord[];
  let anchors: AuditAnchor[];

  beforeAll(() => {
    log = makeLog();
    batches = log.filter(isBatch);
    seals = log.filter(isSeal);
    anchors = seals.map(anchorTo);
  });

  const replace = (old: AuditRecord, ...by: AuditRecord[]): AuditRecord[] =>
    log.flatMap((record) => (record === old ? by : [record]));
  const swap = (a: BatchRecord, b: BatchRecord): AuditRecord[] =>
    log.map((record) => (record === a ? b : record === b ? a : record));
  const broken = async (
    records: readonly AuditRecord[],
    anchoredBy?: readonly AuditAnchor[],
  ): Promise<AuditReport['broken']> => {
    const report = await verify(records, anchoredBy);
    expect(report.isIntact).toBe(report.broken === undefined);
    return report.broken;
  };

  it('finds an untouched log intact and says what it vouches for', async () => {
    const report = await verify(log, anchors.slice(0, 3));
    expect(report).toEqual({
      isIntact: true,
      sealedEntries: 12,
      seals: 4,
      lastSealedAt: seals[3]!.sealedAt,
      tail: { count: 2, from: batches[12]!.entries[0]!.at, to: batches[13]!.entries[0]!.at },
      areMacsChecked: true,
      keySource: 'keyring',
      anchors: { matched: 3, vouchedUpTo: { seal: 3, sealedAt: seals[2]!.sealedAt } },
    });
    expect(describeReport(report).join('\n')).toMatch(
      /INTACT.*12 entries under 4 seals.*tail: 2 entries.*vouch.*seal 3/s,
    );
  });

  it('finds an empty log intact', async () => {
    expect(await verify([], [])).toMatchObject({ isIntact: true, sealedEntries: 0, seals: 0, anchors: { matched: 0 } });
  });

  it('holds for logs of any shape', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 6 }), fc.nat(4), async (sizes, tail) => {
        const records = makeLog(sizes, tail);
        const report = await verify(records, records.filter(isSeal).map(anchorTo));
        expect(report).toMatchObject({ isIntact: true, seals: sizes.length, tail: { count: tail } });
      }),
      { numRuns: 30 },
    );
  });

  /** The batch with its entries changed, and with a digest and a MAC that fit them. */
  const forge = (batch: BatchRecord, entries: readonly AuditEntryFields[], by = mac): BatchRecord => {
    const digest = batchDigest(joined(entries.map(entryText)));
    return { ...batch, entries, digest, mac: auditMac(by, digest) };
  };
  const renamed = ({ entries: [entry] }: BatchRecord): AuditEntryFields => ({ ...entry!, resourceName: 'other' });

  describe('names the batch', () => {
    const changes: Partial<BatchRecord> = {
      day: '2026-01-01',
      id: '01a00000-0000-7000-8000-000000000000',
      macKeyId: 'x',
      digest: '0'.repeat(64),
      entries: [],
    };
    const entryChanges: { readonly [F in keyof AuditEntryFields]: AuditEntryFields[F] } = {
      day: '2026-01-01',
      id: '01a00000-0000-7000-8000-000000000000',
      storeId: '01a00000-0000-7000-8000-000000000000',
      at: '2026-01-01T00:00:00.000Z',
      actorType: 'system',
      actorId: 'x',
      actorAccessor: 'x',
      actorName: 'x',
      actorRootId: 'x',
      action: 'x',
      outcome: 'refused',
      resourceKind: 'x',
      resourceId: 'x',
      resourceName: 'x',
      requestId: 'x',
      remoteAddress: 'x',
      details: { version: 0 },
      macKeyId: 'x',
    };

    it.each(Object.entries(changes))('whose %s was changed', async (field, value) => {
      const batch = batches[4]!;
      const changed = { ...batch, [field]: value } as BatchRecord;
      const found = await broken(replace(batch, changed));
      expect(found).toMatchObject({ code: 'BATCH_CHANGED', seal: 2, batch: `${changed.day}/${changed.id}` });
    });

    it.each(Object.entries(entryChanges))('in which the %s of an entry was changed', async (field, value) => {
      const batch = batches[4]!;
      const changed = { ...batch, entries: [{ ...batch.entries[0]!, [field]: value }] };
      const found = await broken(replace(batch, changed));
      expect(found).toMatchObject({ code: 'BATCH_CHANGED', seal: 2, batch: `${batch.day}/${batch.id}` });
    });

    it('in which an entry was left out, added, repeated or moved', async () => {
      const whole = batchAt(200, 'a', 'b', 'c');
      const [a, b, c] = whole.entries as [AuditEntryFields, AuditEntryFields, AuditEntryFields];
      const tail = (...entries: AuditEntryFields[]): AuditRecord[] => [...log, { ...whole, entries }];
      expect((await verify(tail(a, b, c))).tail.count).toBe(5);
      for (const entries of [
        [a, b],
        [b, c],
        [a, b, c, c],
        [a, c, b],
        [c, a, b],
        [a, b, c, batches[0]!.entries[0]!],
      ])
        expect(await broken(tail(...entries))).toMatchObject({ code: 'BATCH_CHANGED', seal: 5 });
    });

    it('that is named by another entry than its first, or holds one of another store, with digest and MAC', async () => {
      const whole = batchAt(200, 'a', 'b');
      const [a, b] = whole.entries as [AuditEntryFields, AuditEntryFields];
      for (const entries of [[b, a], [a, { ...b, storeId: newId() }], []])
        expect(await broken([...log, forge(whole, entries)])).toMatchObject({ code: 'BATCH_CHANGED', seal: 5 });
    });

    it('whose MAC was changed', async () => {
      const changed = { ...batches[4]!, mac: '0'.repeat(64) };
      expect(await broken(replace(batches[4]!, changed))).toMatchObject({ code: 'BATCH_MAC_WRONG', seal: 2 });
    });

    it('that was changed together with its digest', async () => {
      const forged = { ...forge(batches[4]!, [renamed(batches[4]!)]), mac: batches[4]!.mac };
      expect(await broken(replace(batches[4]!, forged))).toMatchObject({ code: 'BATCH_MAC_WRONG', seal: 2 });
    });

    it('that was made with a key of somebody else', async () => {
      const changed = { ...batches[4]!, macKeyId: stranger.keyId };
      const entries = [{ ...changed.entries[0]!, macKeyId: stranger.keyId }];
      const forged = forge(changed, entries, namedMac(stranger.keyId));
      expect(await broken(replace(batches[4]!, forged))).toMatchObject({ code: 'BATCH_MAC_WRONG' });
    });

    it('that was forged in the unsealed tail', async () => {
      const forged = { ...batches[13]!, mac: '1'.repeat(64) };
      expect(await broken(replace(batches[13]!, forged))).toMatchObject({ code: 'BATCH_MAC_WRONG', seal: 5 });
    });

    it('that comes too early, or twice', async () => {
      expect(await broken(swap(batches[4]!, batches[5]!))).toMatchObject({
        code: 'BATCH_OUT_OF_ORDER',
        seal: 2,
        batch: `${batches[4]!.day}/${batches[4]!.id}`,
      });
      expect(await broken(replace(batches[4]!, batches[4]!, batches[4]!))).toMatchObject({
        code: 'BATCH_OUT_OF_ORDER',
      });
    });
  });

  describe('names the seal', () => {
    it('whose batches lost one, at either end or in the middle', async () => {
      for (const at of [3, 4, 5])
        expect(await broken(replace(batches[at]!))).toMatchObject({ code: 'SEAL_BATCHES_MISSING', seal: 2 });
    });

    it('whose batches got one more', async () => {
      const more = { ...batchAt(104, 'more'), id: 'ffffffff-ffff-7fff-bfff-ffffffffffff' };
      const forged = forge(more, [{ ...more.entries[0]!, id: more.id }]);
      expect(await broken(replace(batches[3]!, batches[3]!, forged))).toMatchObject({
        code: 'SEAL_BATCHES_ADDED',
        seal: 2,
      });
    });

    it('whose batch was exchanged for a true one of the same transaction', async () => {
      const other = { ...batchAt(105, 'other'), tx: batches[4]!.tx };
      expect(await broken(replace(batches[4]!, other))).toMatchObject({ code: 'SEAL_BATCHES_CHANGED', seal: 2 });
    });

    it('whose batches were put into another order by changing their transactions', async () => {
      const [a, b] = [batches[4]!, batches[5]!];
      const records = log.map((record) => {
        if (record === a) return { ...b, tx: a.tx };
        return record === b ? { ...a, tx: b.tx } : record;
      });
      expect(await broken(records)).toMatchObject({ code: 'SEAL_BATCHES_CHANGED', seal: 2 });
    });

    it('whose batch was exchanged with one under another seal', async () => {
      const [a, b] = [batches[4]!, batches[7]!];
      const records = log.map((record) => {
        if (record === a) return { ...b, tx: a.tx };
        return record === b ? { ...a, tx: b.tx } : record;
      });
      expect(await broken(records)).toMatchObject({ code: 'SEAL_BATCHES_CHANGED', seal: 2 });
    });

    it('whose last batch was moved to the next one', async () => {
      const at = log.indexOf(batches[5]!);
      const records = [...log.slice(0, at), seals[1]!, batches[5]!, ...log.slice(at + 2)];
      expect(await broken(records)).toMatchObject({ code: 'SEAL_BATCHES_MISSING', seal: 2 });
    });

    it('whose batches say another epoch', async () => {
      const records = log.map((record) =>
        batches.slice(3, 6).includes(record as BatchRecord) ? ({ ...record, epoch: '8' } as BatchRecord) : record,
      );
      expect(await broken(records)).toMatchObject({ code: 'SEAL_BATCHES_CHANGED', seal: 2 });
    });

    const changes: Partial<SealRecord> = {
      epoch: '8',
      watermarkTx: '1',
      watermarkId: '00000000-0000-7000-8000-000000000000',
      batchCount: 2,
      merkleRoot: '0'.repeat(64),
      previousHash: '0'.repeat(64),
      sealedAt: '2020-01-01T00:00:00.000Z',
      keyId: 'x',
      signature: '0'.repeat(128),
    };
    it.each(Object.entries(changes))('whose %s was changed', async (field, value) => {
      const changed = { ...seals[1]!, [field]: value } as SealRecord;
      expect(await broken(replace(seals[1]!, changed))).toMatchObject({ code: 'SEAL_SIGNATURE_WRONG', seal: 2 });
    });

    it('whose number was changed', async () => {
      expect(await broken(replace(seals[1]!, { ...seals[1]!, number: 7 }))).toMatchObject({
        code: 'SEAL_MISSING',
        seal: 2,
      });
    });

    it('that was removed, alone or with its batches', async () => {
      expect(await broken(replace(seals[1]!))).toMatchObject({ code: 'SEAL_MISSING', seal: 2 });
      const without = log.filter(
        (record) => record !== seals[1] && !batches.slice(3, 6).includes(record as BatchRecord),
      );
      expect(await broken(without)).toMatchObject({ code: 'SEAL_MISSING', seal: 2 });
    });

    it('that was made anew over changed batches with a key of somebody else', async () => {
      const kept = batches.slice(3, 5);
      const forged = { ...sealOver(kept, seals[0], stranger), keyId: signer.keyId };
      const records = log.flatMap((record) => {
        if (record === batches[5]) return [];
        return record === seals[1] ? [forged] : [record];
      });
      expect(await broken(records)).toMatchObject({ code: 'SEAL_SIGNATURE_WRONG', seal: 2 });
      const honest = sealOver(kept, seals[0], stranger);
      expect(await broken(records.map((record) => (record === forged ? honest : record)))).toMatchObject({
        code: 'SEAL_SIGNATURE_WRONG',
        seal: 2,
      });
    });

    it('that ends at another batch than its last, even if the key is the right one', async () => {
      const { kind, signature, ...body } = seals[1]!;
      expect([kind, signature.length]).toEqual(['seal', 128]);
      const wrong: SealRecord = { kind, ...signer.sign({ ...body, watermarkId: batches[4]!.id }) };
      expect(await broken(replace(seals[1]!, wrong))).toMatchObject({ code: 'SEAL_BATCHES_CHANGED', seal: 2 });
    });

    it('after which even the holder of the key cannot rewrite: the next one does not follow', async () => {
      const rewritten = sealOver(batches.slice(3, 5), seals[0]);
      const records = log.flatMap((record) => {
        if (record === batches[5]) return [];
        return record === seals[1] ? [rewritten] : [record];
      });
      expect(await broken(records)).toMatchObject({ code: 'SEAL_CHAIN_BROKEN', seal: 3 });
    });
  });

  describe('against the anchors', () => {
    it('names the first seal of a cut tail', async () => {
      const cut = log.slice(0, log.indexOf(seals[2]!) + 1);
      expect(await broken(cut)).toBeUndefined();
      expect(await broken(cut, anchors)).toMatchObject({ code: 'TAIL_CUT', seal: 4 });
      expect(await broken([], anchors)).toMatchObject({ code: 'TAIL_CUT', seal: 1 });
    });

    it('names the first seal that the holder of the key rewrote with all that follow', async () => {
      const kept = batches.slice(3, 5);
      const second = sealOver(kept, seals[0]);
      const third = sealOver(batches.slice(6, 9), second);
      const records = [...log.slice(0, log.indexOf(batches[3]!)), ...kept, second, ...batches.slice(6, 9), third];
      expect(await broken(records)).toBeUndefined();
      expect(await broken(records, anchors.slice(0, 3))).toMatchObject({ code: 'SEAL_NOT_THE_ANCHORED', seal: 2 });
      expect(await broken(records, anchors.slice(2, 3))).toMatchObject({ code: 'SEAL_NOT_THE_ANCHORED', seal: 3 });
    });

    it('says when they go back', async () => {
      const back = [anchors[0]!, anchors[2]!, anchors[1]!];
      expect(await broken(log, back)).toMatchObject({ code: 'ANCHORS_WENT_BACK', seal: 2 });
      expect(await broken(log, [...anchors, anchors[1]!])).toMatchObject({ code: 'ANCHORS_WENT_BACK', seal: 2 });
    });

    it('needs not one for each seal, and takes one twice', async () => {
      const report = await verify(log, [anchors[1]!, anchors[3]!, anchors[3]!]);
      expect(report).toMatchObject({ isIntact: true, anchors: { matched: 3, vouchedUpTo: { seal: 4 } } });
    });
  });

  it('works without the secret key: everything but the MACs', async () => {
    const trusted = publicKeys('anchors', new Map([[signer.keyId, signer.publicKey]]));
    expect(await verify(log, anchors, trusted)).toMatchObject({
      isIntact: true,
      areMacsChecked: false,
      keySource: 'anchors',
    });
    const forged = { ...forge(batches[4]!, [renamed(batches[4]!)]), mac: batches[4]!.mac };
    expect((await verify(replace(batches[4]!, forged), anchors, trusted)).broken).toMatchObject({
      code: 'SEAL_BATCHES_CHANGED',
      seal: 2,
    });
    const own = await verifyAudit({ records: stream(log) });
    expect(own).toMatchObject({ isIntact: true, keySource: 'export' });
  });

  it('does not trust a key that the export brings along when it has better ones', async () => {
    const forged = sealOver(batches.slice(0, 3), undefined, stranger);
    const records: AuditRecord[] = [
      { kind: 'key', keyId: stranger.keyId, publicKey: stranger.publicKey },
      ...batches.slice(0, 3),
      forged,
    ];
    expect((await verify(records)).broken).toMatchObject({ code: 'SEAL_SIGNATURE_WRONG', seal: 1 });
    expect((await verifyAudit({ records: stream(records) })).isIntact).toBe(true);
  });

  it('refuses what is not a record, and two stores in one log', async () => {
    expect((await verify([log[0], undefined])).broken).toMatchObject({ code: 'RECORD_UNREADABLE', seal: 1 });
    expect(await broken(replace(seals[1]!, { ...seals[1]!, storeId: newId() }))).toMatchObject({
      code: 'STORE_MIXED',
      seal: 2,
    });
  });

  it('notices any single change of any record before the tail', async () => {
    const isSealed = (record: AuditRecord): boolean => log.indexOf(record) < log.indexOf(seals[3]!);
    const targets = log.filter((record) => isSealed(record) && (isBatch(record) || isSeal(record)));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...targets), fc.nat(), fc.nat(), async (record, which, how) => {
        const fields = Object.entries(record).filter(([name]) => name !== 'kind');
        const [name, value] = fields[which % fields.length]!;
        const changed = { ...record, [name]: mutate(value, how) } as AuditRecord;
        fc.pre(JSON.stringify(changed) !== JSON.stringify(record));
        expect(await broken(replace(record, changed))).toBeDefined();
      }),
      { numRuns: 200 },
    );
  });
});

function mutate(value: unknown, how: number): unknown {
  if (typeof value === 'number') return value + 1;
  if (Array.isArray(value)) {
    const [first, ...others] = value as object[];
    const fields = Object.entries(first!);
    const [name, inner] = fields[how % fields.length]!;
    return [{ ...first, [name]: mutate(inner, how) }, ...others];
  }
  if (typeof value !== 'string') return value === null ? 'x' : { ...(value as object), extra: how };
  const at = how % Math.max(1, value.length);
  const digit = value[at] === '1' ? '2' : '1';
  return value.slice(0, at) + digit + value.slice(at + 1);
}
