import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { setFaultHook } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { factsOf, ReportRoom } from '../../../testing/src/report-room.js';
import { errorOf } from '../../../testing/src/secret-faults.js';
import { OutsideKind } from '../../../testing/src/secret-room.js';
import { verifyReport } from './report-verifier.js';

const CANARY = 'report-canary-5b1d';

let db: TestDatabase;
let kind: OutsideKind;
let room: ReportRoom;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  kind = new OutsideKind();
  room = await ReportRoom.create(db, kind);
  await room.secrets.builtin('prod');
  for (const name of ['team-shop', 'team-other']) await room.approvals.principal(name);
  await room.secrets.secret('shop/database', { content: { password: CANARY }, owner: 'team-shop' });
});
afterAll(() => db.drop());

const audited = async (id: string): Promise<string[]> => {
  const rows = await room.secrets.rows('select action from audit_entry where resource_id = $1 order by at, action', [
    id,
  ]);
  return rows.map(({ action }) => action as string);
};

describe('a report', () => {
  it('is drawn in every format it was asked for, and each is vouched for by a signature', async () => {
    await room.seal();
    const report = await room.draw('inventory', { parameters: { owner: 'team-shop' } });
    expect(report).toMatchObject({ state: 'done', progress: { scanned: 1, expected: 1 }, error: null });
    expect(report.seal).toMatchObject({ number: 1, hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    const keys = await room.reports.keys(room.ctx);
    for (const { format, bytes, sha256 } of report.documents) {
      const document = await room.bytes(report.id, format);
      expect(factsOf(document)).toEqual({ bytes, sha256 });
      const signature = await room.reports.signature(room.ctx, report.id, format);
      const verdict = await verifyReport(factsOf(document), signature, keys);
      expect(verdict).toMatchObject({
        isGenuine: true,
        keySource: 'trusted',
        keyId: keys[0]!.kid,
        manifest: {
          reportId: report.id,
          kind: 'inventory',
          parameters: { owner: 'team-shop' },
          moment: report.moment!.toISOString(),
          seal: report.seal,
          requestedBy: { id: room.ctx.actor.rootId },
          document: { format, bytes, sha256 },
        },
      });
      expect(document.includes(CANARY)).toBe(false);
    }
    expect(report.documents.map(({ format }) => format)).toEqual(['csv', 'json', 'pdf']);
  });

  it('is found changed when a single byte is another one', async () => {
    const { id } = await room.draw('inventory', { formats: ['csv'] });
    const document = await room.bytes(id, 'csv');
    const signature = await room.reports.signature(room.ctx, id, 'csv');
    for (let at = 0; at < document.length; at += 1) {
      const changed = Buffer.from(document);
      changed[at]! ^= 1;
      expect(await verifyReport(factsOf(changed), signature)).toMatchObject({ isGenuine: false });
    }
    expect(await verifyReport(factsOf(document), signature)).toMatchObject({ isGenuine: true, keySource: 'signature' });
  });

  it('says in the audit log that it was asked for, drawn and fetched', async () => {
    const { id } = await room.draw('inventory', { formats: ['json'] });
    await room.bytes(id, 'json');
    expect(await audited(id)).toEqual(['report.request', 'report.draw', 'report.fetch']);
  });

  it('tells by an event where it is found, and nothing of what it says', async () => {
    const { id } = await room.draw('inventory', { formats: ['json'] });
    const [event] = await room.secrets.rows('select type, facts from event where subject_id = $1', [id]);
    expect(event).toMatchObject({ type: 'report.ready', facts: { kind: 'inventory', path: `/api/v1/reports/${id}` } });
  });

  it('is drawn alike again as of the same moment, whatever has happened since', async () => {
    const asOf = new Date().toISOString();
    const first = await room.json('inventory', { asOf });
    await room.secrets.secret('shop/later');
    const [{ id } = { id: '' }] = (await room.secrets.rows(`select id from secret where name = 'shop/database'`)) as {
      id: string;
    }[];
    await room.secrets.secrets.edit(room.ctx, id, { set: { owner: 'team-other' } });
    const again = await room.json('inventory', { asOf });
    expect(again.rows).toEqual(first.rows);
    expect((await room.json('inventory')).rows).not.toEqual(first.rows);
  });
});

describe('asking for a report', () => {
  const input = { kind: 'inventory', formats: ['json'], parameters: {} } as const;

  it('needs the capability of its kind, and so does reading it', async () => {
    const auditor = room.secrets.caller({
      'claviger/reports/inventory': ['create', 'read'],
      'claviger/reports/': ['list'],
    });
    const { id } = await room.reports.request(auditor, input);
    expect((await errorOf(room.reports.request(auditor, { ...input, kind: 'access' }))).code).toBe('ACCESS_DENIED');
    expect((await room.reports.get(auditor, id)).state).toBe('queued');
    expect((await errorOf(room.reports.document(auditor, id, 'json'))).code).toBe('REPORT_NOT_DONE');
    const other = await room.draw('access', { formats: ['json'] });
    for (const read of [
      room.reports.get(auditor, other.id),
      room.reports.document(auditor, other.id, 'json'),
      room.reports.signature(auditor, other.id, 'json'),
    ])
      expect((await errorOf(read)).code).toBe('REPORT_NOT_FOUND');
    const listed = await room.reports.list(auditor, { limit: 50 });
    expect(new Set(listed.map((report) => report.kind))).toEqual(new Set(['inventory']));
    await room.work();
  });

  it.each([
    ['a parameter that the kind does not take', { ...input, parameters: { periodDays: 3 } }],
    ['a parameter of other kinds', { ...input, kind: 'approvals' as const, parameters: { withinDays: 3 } }],
    ['the future', { ...input, parameters: { asOf: '2126-01-01T00:00:00Z' } }],
    ['a vault profile that is not there', { ...input, parameters: { vaultProfile: 'nowhere' } }],
  ])('is refused for %s', async (_, wrong) => {
    expect((await errorOf(room.reports.request(room.ctx, wrong))).code).toBe('INPUT_INVALID');
  });

  it('is refused while fifty wait', async () => {
    for (let i = 0; i < 50; i += 1) await room.reports.request(room.ctx, input);
    expect((await errorOf(room.reports.request(room.ctx, input))).code).toBe('REPORTS_TOO_MANY');
    await room.secrets.rows(`delete from report where state = 'queued'`);
  });
});

describe('drawing', () => {
  const request = () => room.reports.request(room.ctx, { kind: 'inventory', formats: ['json'], parameters: {} });
  const state = async (id: string) => (await room.reports.get(room.ctx, id)).state;

  it('is done once by several workers', async () => {
    const other = await ReportRoom.create(db, kind);
    const ids = [];
    for (let i = 0; i < 6; i += 1) ids.push((await request()).id);
    await Promise.all([room.work(), other.work()]);
    for (const id of ids) expect(await audited(id)).toEqual(['report.request', 'report.draw']);
  });

  it('is done by another worker when one has died, and nothing of the first is left', async () => {
    const { id } = await request();
    await room.secrets.rows(
      `update report set state = 'running', claim = gen_random_uuid(), attempts = 1, leased_until = now() + interval '60 s'
       where id = $1`,
      [id],
    );
    await room.secrets.rows(
      `insert into report_chunk select store_id, id, claim, 'json', 0, 'half' from report where id = $1`,
      [id],
    );
    await room.work();
    expect(await state(id)).toBe('running');
    room.clock.skip(61_000);
    await room.work();
    expect(await state(id)).toBe('done');
    JSON.parse((await room.bytes(id, 'json')).toString());
    const claims = await room.secrets.rows('select distinct claim from report_chunk where report_id = $1', [id]);
    expect(claims).toHaveLength(1);
  });

  it('leaves a report to who has taken it over meanwhile', async () => {
    const { id } = await request();
    const taken = `update report set claim = gen_random_uuid() where id = $1`;
    let theft: Promise<unknown> | undefined;
    setFaultHook((point) => {
      if (point === 'report.drawing') theft ??= room.secrets.rows(taken, [id]);
    });
    try {
      await room.work();
    } finally {
      setFaultHook(undefined);
    }
    await theft;
    expect(await state(id)).toBe('running');
    expect(await audited(id)).toEqual(['report.request']);
    await room.secrets.rows(`delete from report_chunk where report_id = $1`, [id]);
    await room.secrets.rows(`delete from report where id = $1`, [id]);
  });

  it('is tried again after what may pass, and in the end given up in words', async () => {
    const { id } = await request();
    setFaultHook((point) => {
      if (point === 'report.finishing') throw new Error('torn');
    });
    try {
      await room.work();
      expect(await state(id)).toBe('queued');
      for (let i = 0; i < 4; i += 1) {
        room.clock.skip(60_000);
        await room.work();
      }
    } finally {
      setFaultHook(undefined);
    }
    expect(await room.reports.get(room.ctx, id)).toMatchObject({ state: 'failed', error: { code: 'REPORT_DEFECT' } });
    expect((await errorOf(room.reports.document(room.ctx, id, 'json'))).code).toBe('REPORT_FAILED');
    const [event] = await room.secrets.rows('select type from event where subject_id = $1', [id]);
    expect(event).toEqual({ type: 'report.failed' });
  });

  it('is handed on at once when the process stops', async () => {
    const other = await ReportRoom.create(db, kind);
    const { id } = await request();
    setFaultHook(() => void other.drawer.stop());
    try {
      await other.work();
    } finally {
      setFaultHook(undefined);
    }
    await room.work();
    expect(await state(id)).toBe('done');
  });
});

describe('documents', () => {
  it('are erased when their time is over; what they were, and their signatures, stay', async () => {
    const { id, documents } = await room.draw('inventory', { formats: ['csv'] });
    const bytes = await room.bytes(id, 'csv');
    room.clock.skip(91 * 86_400_000);
    expect(await room.keeper.expire(room.ctx)).toBeGreaterThan(0);
    expect((await errorOf(room.reports.document(room.ctx, id, 'csv'))).code).toBe('REPORT_EXPIRED');
    expect(await room.reports.get(room.ctx, id)).toMatchObject({ state: 'expired', documents });
    expect(await room.secrets.rows('select 1 from report_chunk where report_id = $1', [id])).toEqual([]);
    const signature = await room.reports.signature(room.ctx, id, 'csv');
    expect(await verifyReport(factsOf(bytes), signature)).toMatchObject({ isGenuine: true });
  });
});
