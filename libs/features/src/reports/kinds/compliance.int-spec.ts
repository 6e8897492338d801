import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { ComplianceProfileService, Evaluator, WaiverService } from '@claviger/features/compliance';
import { OutboxListeners, type HeardEvent } from '@claviger/features/notifications';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { textOfPdf } from '../../../../testing/src/pdf-text.js';
import { ReportRoom } from '../../../../testing/src/report-room.js';
import { json } from '../../../../testing/src/secret-room.js';

const DAY_MS = 86_400_000;

let db: TestDatabase;
let room: ReportRoom;
let weak: string;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ReportRoom.create(db);
  for (const name of ['prod', 'dev']) await room.secrets.builtin(name);
  await room.approvals.principal('team-a');
  await room.secrets.get(ComplianceProfileService).create(room.ctx, {
    name: 'base',
    rules: [
      { pack: 'passwords', rule: 'password-short' },
      { pack: 'lifecycle', rule: 'no-owner' },
    ],
    vaultProfiles: ['prod'],
  } as never);
  const login = { type: 'basic-auth', owner: 'team-a' } as const;
  weak = await room.secrets.secret('weak', { ...login, content: { username: 'u', password: 'short' } });
  await room.secrets.secret('strong', { ...login, content: { username: 'u', password: 'long enough, and long' } });
  await room.secrets.secret('unjudged', { sourceProfile: 'dev', syncProfiles: ['prod'] });
  await settle();
});
afterAll(() => db.drop());

/** What happened is heard and judged, as a worker does. */
async function settle(): Promise<void> {
  const { database } = db;
  await database.transaction(room.ctx, async (tx) => {
    const [events] = (await database
      .manager(tx)
      .query(`delete from event returning type, subject_id as "subjectId", facts`)) as [HeardEvent[], number];
    await room.secrets.get(OutboxListeners).tell(tx, events);
  });
  await room.secrets.get(Evaluator).sweep(room.ctx);
}

describe('the report of compliance', () => {
  it('shows each broken rule, and counts who was judged', async () => {
    const { rows, summary, findings, sections, trend } = await room.json('compliance');
    expect(rows).toEqual([
      expect.objectContaining({
        secret: 'weak',
        vaultProfile: 'prod',
        owner: 'team-a',
        profile: 'base',
        rule: 'password-short',
        since: expect.any(String),
        waivedUntil: null,
        secretId: weak,
      }),
    ]);
    expect(Object.fromEntries(summary.map(({ name, value }) => [name, value]))).toEqual({
      Secrets: 3,
      'Judged by a profile': 2,
      'Of these compliant': 1,
      'Broken rules': 1,
      'Broken and waived': 0,
      'Waivers in force': 0,
    });
    expect(findings).toEqual([
      expect.objectContaining({ code: 'base/password-short', count: 1, examples: ['prod/weak'] }),
    ]);
    expect(sections[1]!.rows).toEqual([
      expect.objectContaining({ vaultProfile: 'dev', secrets: 1, judged: 0, compliant: 0 }),
      expect.objectContaining({ vaultProfile: 'prod', secrets: 2, judged: 2, compliant: 1, waived: 0 }),
    ]);
    expect(trend!.labels).toHaveLength(13);
  });

  it('shows a waiver beside what it excuses, and counts that no more', async () => {
    const until = new Date(room.clock.now().getTime() + 10 * DAY_MS).toISOString();
    room.clock.skip(1_000);
    await room.secrets.get(WaiverService).waive(room.ctx, {
      secretId: weak,
      profile: 'base',
      rule: 'password-short',
      reason: 'until the old shop is gone',
      until: new Date(until),
    });
    room.clock.skip(1_000);
    const { rows, findings, sections } = await room.json('compliance');
    expect(rows).toEqual([expect.objectContaining({ waivedUntil: until, waiverReason: 'until the old shop is gone' })]);
    expect(findings).toEqual([]);
    expect(sections[0]!.rows).toEqual([expect.objectContaining({ secret: 'prod/weak', waivedUntil: until })]);
    const { id } = await room.draw('compliance', { formats: ['pdf'] });
    const text = textOfPdf(await room.bytes(id, 'pdf'));
    for (const words of [
      'Findings by severity',
      'Waivers in force',
      'until the old shop is gone',
      'Broken rules that were not waived',
    ])
      expect(text).toContain(words);
  });

  it('is as it was at a past moment: rules that are kept again, and before they were broken', async () => {
    const then = room.clock.now();
    room.clock.skip(DAY_MS);
    await room.secrets.content.write(room.ctx, weak, {
      content: json({ username: 'u', password: 'long enough now, too' }),
    });
    await settle();
    room.clock.skip(1_000);
    expect((await room.json('compliance')).rows).toEqual([]);
    expect((await room.json('compliance', { asOf: then.toISOString() })).rows).toHaveLength(1);
    const { trend } = await room.json('compliance', { periodDays: 6 });
    const broken = trend!.series.map(({ values }) => (values as number[]).reduce((sum, value) => sum + value, 0));
    expect(Math.max(...broken)).toBe(0);
    const before = new Date(then.getTime() - 7 * DAY_MS).toISOString();
    expect((await room.json('compliance', { asOf: before })).summary).toContainEqual({ name: 'Secrets', value: 0 });
  });

  it('is narrowed by profile, owner and labels', async () => {
    const secrets = async (parameters: object) => (await room.json('compliance', parameters)).summary[0]!.value;
    expect(await secrets({ vaultProfile: 'prod' })).toBe(2);
    expect(await secrets({ owner: 'team-a' })).toBe(2);
    expect(await secrets({ labels: { tier: '1' } })).toBe(0);
  });
});

describe('the report of replication as of a past moment', () => {
  it('has the status of each copy then', async () => {
    const asOf = room.clock.now().toISOString();
    const { rows, trend } = await room.json('replication', { asOf });
    expect(rows).toEqual([
      expect.objectContaining({ name: 'unjudged', target: 'prod', status: 'pending', verifiedAt: null }),
    ]);
    expect(trend!.series).toEqual([expect.objectContaining({ name: 'pending' })]);
    room.clock.skip(1_000);
    await room.secrets.rows(`update sync_target set status = 'in_sync'`);
    await room.secrets.rows(`update compliance_state set due_at = now() - interval '1 day'`);
    await room.secrets.get(Evaluator).sweep(room.ctx);
    room.clock.skip(1_000);
    const now = room.clock.now().toISOString();
    expect((await room.json('replication', { asOf: now })).rows[0]).toMatchObject({ status: 'in_sync' });
    expect((await room.json('replication', { asOf })).rows).toEqual(rows);
  });
});
