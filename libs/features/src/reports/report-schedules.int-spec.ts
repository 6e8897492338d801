import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import type { RequestContext } from '@claviger/kernel';
import { AccessService } from '@claviger/features/access';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { ReportRoom } from '../../../testing/src/report-room.js';
import { errorOf } from '../../../testing/src/secret-faults.js';
import { ReportScheduler } from './report-scheduler.js';
import { ReportScheduleService, type NewSchedule } from './report-schedule.service.js';

const DAY_MS = 86_400_000;

let db: TestDatabase;
let room: ReportRoom;
let service: ReportScheduleService;
let scheduler: ReportScheduler;
let owner: RequestContext;
let count = 0;
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ReportRoom.create(db);
  await room.secrets.builtin('prod');
  service = room.secrets.get(ReportScheduleService);
  scheduler = room.secrets.get(ReportScheduler);
  owner = await room.approvals.principal('owner', { policies: ['auditor'] });
});
afterAll(() => db.drop());

const daily = (more: Partial<NewSchedule> = {}): NewSchedule => ({
  name: `schedule-${(count += 1)}`,
  kind: 'inventory',
  formats: ['json'],
  parameters: {},
  cadence: 'daily',
  hour: 6,
  weekday: null,
  dayOfMonth: null,
  isEnabled: true,
  ...more,
});
const reportsOf = (schedule: string) => room.reports.list(room.ctx, { limit: 50, schedule });
const events = (subject: string) => room.secrets.rows('select type, facts from event where subject_id = $1', [subject]);

describe('a report schedule', () => {
  it('asks for a report when it is due, once, in the name of its owner, whoever looks', async () => {
    const other = await ReportRoom.create(db);
    const { name, nextRunAt } = await service.create(owner, daily());
    expect(await scheduler.run(room.ctx)).toBe(0);
    room.clock.skip(DAY_MS);
    other.clock.skip(DAY_MS);
    await Promise.all([
      scheduler.run(room.ctx),
      other.secrets.get(ReportScheduler).run(other.ctx),
      scheduler.run(room.ctx),
    ]);
    const [report, ...more] = await reportsOf(name);
    expect(more).toEqual([]);
    expect(report).toMatchObject({ state: 'queued', requestedBy: { id: owner.actor.rootId }, schedule: name });
    const after = await service.get(room.ctx, name);
    expect(after).toMatchObject({ lastReportId: report!.id, lastError: null, revision: 1 });
    expect(after.nextRunAt!.getTime()).toBeGreaterThan(nextRunAt!.getTime());
    await room.work();
    expect(await events(report!.id)).toEqual([
      {
        type: 'report.ready',
        facts: expect.objectContaining({ schedule: name, path: `/api/v1/reports/${report!.id}` }),
      },
    ]);
    await service.remove(room.ctx, name);
    expect(await reportsOf(name)).toHaveLength(1);
  });

  it('makes up for what was missed once, however long nobody looked', async () => {
    const { name } = await service.create(owner, daily());
    room.clock.skip(10 * DAY_MS);
    expect(await scheduler.run(room.ctx)).toBe(1);
    expect(await reportsOf(name)).toHaveLength(1);
    await service.remove(room.ctx, name);
  });

  it('rests while it is disabled', async () => {
    const { name } = await service.create(owner, daily());
    expect(await service.update(owner, name, { isEnabled: false })).toMatchObject({ nextRunAt: null, revision: 2 });
    room.clock.skip(2 * DAY_MS);
    expect(await scheduler.run(room.ctx)).toBe(0);
    await service.update(owner, name, { isEnabled: true });
    expect(await scheduler.run(room.ctx)).toBe(0);
    await service.remove(room.ctx, name);
  });

  it('asks for nothing when its owner may not have such a report any more, and says so', async () => {
    const gone = await room.approvals.principal('leaver', { policies: ['auditor'] });
    const demoted = await room.approvals.principal('demoted', { policies: ['other'] });
    const names = [(await service.create(gone, daily())).name, (await service.create(demoted, daily())).name];
    await room.approvals.disable(gone);
    const { taken } = room.secrets.get(AccessService) as unknown as { taken: Set<string> };
    taken.add('other');
    room.clock.skip(DAY_MS);
    expect(await scheduler.run(room.ctx)).toBe(2);
    for (const name of names) {
      expect(await reportsOf(name)).toEqual([]);
      const { id, lastError } = await service.get(room.ctx, name);
      expect(lastError).toBe('OWNER_MAY_NOT');
      expect(await events(id)).toEqual([
        { type: 'report-schedule.failed', facts: { kind: 'inventory', name, code: 'OWNER_MAY_NOT' } },
      ]);
      await service.remove(room.ctx, name);
    }
  });

  it('says why when what it is about is gone', async () => {
    const { name } = await service.create(owner, daily({ parameters: { vaultProfile: 'prod' } }));
    await room.secrets.rows(`update report_schedule set parameters = '{"vaultProfile": "gone"}' where name = $1`, [
      name,
    ]);
    room.clock.skip(DAY_MS);
    await scheduler.run(room.ctx);
    expect(await service.get(room.ctx, name)).toMatchObject({ lastError: 'INPUT_INVALID', lastReportId: null });
    await service.remove(room.ctx, name);
  });

  it('needs the right to the schedule, and to what it draws', async () => {
    const grants = { 'claviger/report-schedules/*': ['create', 'update'], 'claviger/reports/access': ['create'] };
    const allowed = room.secrets.caller(grants);
    const caller = { ...allowed, actor: { ...allowed.actor, principal: owner.actor.principal! } };
    expect((await errorOf(service.create(caller, daily()))).code).toBe('ACCESS_DENIED');
    const { name } = await service.create(caller, daily({ kind: 'access' }));
    expect((await errorOf(service.get(caller, name))).code).toBe('ACCESS_DENIED');
    const { name: inventory } = await service.create(owner, daily());
    expect((await errorOf(service.update(caller, inventory, { isEnabled: false }))).code).toBe('ACCESS_DENIED');
    for (const one of [name, inventory]) await service.remove(room.ctx, one);
  });

  it.each([
    ['of a caller who is nobody in particular', 'REPORT_SCHEDULE_NEEDS_PRINCIPAL', {}, () => room.ctx],
    ['of a moment that is past', 'INPUT_INVALID', { parameters: { asOf: '2026-01-01T00:00:00Z' } }, () => owner],
    ['that is weekly, without a weekday', 'INPUT_INVALID', { cadence: 'weekly' }, () => owner],
    ['with a parameter that its kind does not take', 'INPUT_INVALID', { parameters: { periodDays: 2 } }, () => owner],
  ] as const)('is refused %s', async (_, code, more, who) => {
    expect((await errorOf(service.create(who(), daily(more)))).code).toBe(code);
  });

  it('has a name of its own, and is changed only as it was seen', async () => {
    const { name } = await service.create(owner, daily());
    expect((await errorOf(service.create(owner, daily({ name })))).code).toBe('REPORT_SCHEDULE_EXISTS');
    await service.update(owner, name, { hour: 7 }, 1);
    expect((await errorOf(service.update(owner, name, { hour: 8 }, 1))).code).toBe('STALE_MATCH');
    expect((await errorOf(service.remove(owner, name, 1))).code).toBe('STALE_MATCH');
    await service.remove(owner, name, 2);
    expect((await errorOf(service.get(owner, name))).code).toBe('REPORT_SCHEDULE_NOT_FOUND');
  });
});
