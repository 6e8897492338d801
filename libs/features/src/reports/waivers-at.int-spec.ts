import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import type { RequestContext } from '@claviger/kernel';
import { ComplianceProfileService, Evaluator, WaiverService } from '@claviger/features/compliance';
import { OutboxListeners, type HeardEvent } from '@claviger/features/notifications';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { textOfPdf } from '../../../testing/src/pdf-text.js';
import { ReportRoom, type JsonReport } from '../../../testing/src/report-room.js';
import { REPORT_KINDS, type ReportKind } from './report-parameters.js';

const DAY_MS = 86_400_000;
const REASON = 'the till takes no more than six';

let db: TestDatabase;
let room: ReportRoom;
let ada: RequestContext;
let dev: RequestContext;
let weak: string;
/** When the waivers end. */
let until: Date;
/** Moments before they were granted, and while they were in force. */
const moments: Record<'before' | 'during', string> = { before: '', during: '' };

beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ReportRoom.create(db);
  ada = await room.approvals.principal('ada', { group: 'security' });
  await room.approvals.principal('bob', { group: 'security' });
  dev = await room.approvals.principal('dev');
  for (const name of ['team-a', 'team-b']) await room.approvals.principal(name);
  await room.approvals.gated('prod', { kinds: ['waiver'], steps: [{ groups: ['security'], votes: 1 }] });
  for (const name of ['dev', 'copy']) await room.secrets.builtin(name);
  await room.secrets.get(ComplianceProfileService).create(room.ctx, {
    name: 'base',
    rules: [{ pack: 'passwords', rule: 'password-short' }],
    labelSelectors: [{}],
  });
  const expiresAt = new Date(room.clock.now().getTime() + 3 * DAY_MS).toISOString();
  const login = { type: 'basic-auth', content: { username: 'u', password: 'short' }, expiresAt } as const;
  weak = await room.secrets.secret('weak', {
    ...login,
    owner: 'team-a',
    labels: { tier: '1' },
    syncProfiles: ['copy'],
  });
  await room.secrets.secret('unwaived', { ...login, owner: 'team-a', labels: { tier: '1' }, syncProfiles: ['copy'] });
  const other = await room.secrets.secret('other', { ...login, sourceProfile: 'dev', owner: 'team-b' });
  await settle();
  moments.before = moment();
  await room.secrets.content.read(dev, weak);
  until = new Date(room.clock.now().getTime() + 10 * DAY_MS);
  for (const secretId of [weak, other]) {
    const waiver = { secretId, profile: 'base', rule: 'password-short', reason: REASON, until };
    const { id, state } = await room.secrets.get(WaiverService).waive(dev, waiver);
    if (state === 'pending_approval') await room.approvals.approve(ada, id);
  }
  moments.during = moment();
});
afterAll(() => db.drop());

/** Now, with nothing else at the same moment. */
function moment(): string {
  room.clock.skip(1_000);
  const now = room.clock.now().toISOString();
  room.clock.skip(1_000);
  return now;
}

/** What happened is heard and judged, as a worker does. */
async function settle(): Promise<void> {
  await db.database.transaction(room.ctx, async (tx) => {
    const [events] = (await db.database
      .manager(tx)
      .query(`delete from event returning type, subject_id as "subjectId", facts`)) as [HeardEvent[], number];
    await room.secrets.get(OutboxListeners).tell(tx, events);
  });
  await room.secrets.get(Evaluator).sweep(room.ctx);
}

const waiversOf = ({ sections }: JsonReport): readonly Readonly<Record<string, unknown>>[] =>
  sections.find(({ title }) => String(title).startsWith('Waivers in force'))!.rows;
const countOf = ({ summary }: JsonReport): unknown => summary.find(({ name }) => name === 'Waivers in force')!.value;
const secretsIn = async (kind: ReportKind, parameters: object = {}): Promise<unknown[]> =>
  waiversOf(await room.json(kind, { asOf: moments.during, ...parameters })).map(({ secret }) => secret);

describe.each(REPORT_KINDS)('the report %s', (kind) => {
  it('shows the waivers that were in force at its moment: who, why, until when, and whether they excuse something', async () => {
    const report = await room.json(kind, { asOf: moments.during });
    expect(waiversOf(report)).toEqual([
      expect.objectContaining({ secret: 'dev/other', owner: 'team-b' }),
      {
        secret: 'prod/weak',
        profile: 'base',
        rule: 'password-short',
        title: 'A password has at least 12 characters',
        severity: 'high',
        isBroken: true,
        waivedFrom: expect.any(String),
        waivedUntil: until.toISOString(),
        waivedBy: 'dev',
        waiverReason: REASON,
        owner: 'team-a',
        secretId: weak,
        waiverId: expect.any(String),
      },
    ]);
    expect(countOf(report)).toBe(2);
  });

  it('shows them to who reads its PDF', async () => {
    const { id } = await room.draw(kind, { formats: ['pdf'], parameters: { asOf: moments.during } });
    const text = textOfPdf(await room.bytes(id, 'pdf'));
    for (const words of ['Waivers in force', 'prod/weak', 'password-short', 'dev', REASON])
      expect(text).toContain(words);
  });

  it('shows none of before they were granted', async () => {
    const report = await room.json(kind, { asOf: moments.before });
    expect([waiversOf(report), countOf(report)]).toEqual([[], 0]);
  });

  it('shows those of the secrets that its filters are about, and no others', async () => {
    expect(await secretsIn(kind, { vaultProfile: 'prod' })).toEqual(['prod/weak']);
    expect(await secretsIn(kind, { owner: 'team-b' })).toEqual(['dev/other']);
    expect(await secretsIn(kind, { labels: { tier: '1' } })).toEqual(['prod/weak']);
    expect(await secretsIn(kind, { labels: { tier: '9' } })).toEqual([]);
  });
});

describe.each(REPORT_KINDS.filter((kind) => kind !== 'compliance'))('the CSV of the report %s', (kind) => {
  it('has the waivers of a secret in each row about it', async () => {
    const { id } = await room.draw(kind, { formats: ['csv'], parameters: { asOf: moments.during } });
    const [head, ...lines] = (await room.bytes(id, 'csv')).toString().trimEnd().split('\r\n');
    expect(head!.split(',').at(-1)).toBe('"waivers"');
    const mine = lines.filter((line) => line.includes(weak));
    expect(mine.length).toBeGreaterThan(0);
    for (const line of mine) expect(line).toMatch(`"base/password-short until ${until.toISOString()}"`);
    for (const line of lines.filter((one) => one.includes('unwaived'))) expect(line).toMatch(/,""$/);
  });
});

describe('a waiver', () => {
  it('is shown until it is taken back, and of the time before that for good', async () => {
    const [waiver] = await room.secrets.get(WaiverService).list(room.ctx, { secretId: weak, limit: 1 });
    await room.secrets.get(WaiverService).end(room.ctx, waiver!.id);
    const after = moment();
    expect(await secretsIn('inventory', { asOf: after })).toEqual(['dev/other']);
    expect(await secretsIn('inventory')).toEqual(['dev/other', 'prod/weak']);
  });

  it('is shown until its end, and beside a secret that was deleted since', async () => {
    const [row] = await room.secrets.rows(`select id from secret where name = 'other'`);
    await room.secrets.secrets.remove(room.ctx, row!['id'] as string, { retain: false });
    const gone = moment();
    expect(await secretsIn('inventory', { asOf: gone })).toEqual([]);
    expect(await secretsIn('inventory')).toEqual(['dev/other', 'prod/weak']);
    room.clock.skip(11 * DAY_MS);
    expect(await secretsIn('compliance', { asOf: moment() })).toEqual([]);
  });
});
