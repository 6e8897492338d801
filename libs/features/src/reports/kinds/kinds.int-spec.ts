import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import type { RequestContext } from '@claviger/kernel';
import { BreakGlassService } from '@claviger/features/approvals';
import { AuditService } from '@claviger/features/audit';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { movingIn } from '../../../../testing/src/moving-room.js';
import { ReportRoom } from '../../../../testing/src/report-room.js';
import { json, OutsideKind, type OutsideMount } from '../../../../testing/src/secret-room.js';

const DAY_MS = 86_400_000;

let db: TestDatabase;
let room: ReportRoom;
let outside: OutsideMount;
const ids: Record<string, string> = {};
/** A moment between the doings of these tests. */
const tick = async (): Promise<string> => {
  const [{ now } = { now: new Date() }] = (await room.secrets.rows(
    `select clock_timestamp() as now, pg_sleep(0.005)`,
  )) as { now: Date }[];
  return now.toISOString();
};
const names = (rows: readonly Readonly<Record<string, unknown>>[]): unknown[] => rows.map(({ name }) => name);

beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ReportRoom.create(db, new OutsideKind());
  await room.secrets.rows(
    `insert into database_epoch (id, system_identifier) select 1, system_identifier::text from pg_control_system()`,
  );
  for (const name of ['prod', 'stage']) await room.secrets.builtin(name);
  outside = await room.secrets.outside('away');
  for (const name of ['team-a', 'team-b']) await room.approvals.principal(name);
  ids['first'] = await room.secrets.secret('a/first', {
    owner: 'team-a',
    labels: { tier: '1', zone: 'eu' },
    syncProfiles: ['away'],
    expiresAt: new Date(Date.now() + 3 * DAY_MS).toISOString(),
  });
  ids['second'] = await room.secrets.secret('a/second', {
    owner: 'team-b',
    sourceProfile: 'stage',
    rotationIntervalSeconds: 20 * 86_400,
  });
  await room.secrets.reconciler.reconcile(room.ctx, ids['first']!);
});
afterAll(() => db.drop());

describe('the inventory', () => {
  it('shows what was true of each secret at the moment, not what is', async () => {
    const before = await tick();
    const id = ids['first']!;
    const { secrets, content } = room.secrets;
    await secrets.edit(room.ctx, id, {
      set: { owner: 'team-b', labels: { tier: '2' }, expiresAt: null, rotationIntervalSeconds: 86_400 },
    });
    await secrets.addSyncProfile(room.ctx, id, { profile: 'stage', onConflict: 'fail' });
    await secrets.removeSyncProfile(room.ctx, id, { profile: 'away', purge: false });
    await content.write(room.ctx, id, { content: json({ value: 'two' }) });
    await secrets.setDisabled(room.ctx, id, true);
    await room.secrets.secret('a/third');
    const after = await tick();
    const then = (await room.json('inventory', { asOf: before })).rows;
    expect(names(then)).toEqual(['a/first', 'a/second']);
    expect(then[0]).toMatchObject({
      vaultProfile: 'prod',
      type: 'key-value',
      owner: 'team-a',
      labels: ['tier=1', 'zone=eu'],
      version: 1,
      expiresAt: expect.any(String),
      rotationDueAt: null,
      isDisabled: false,
      syncProfiles: ['away'],
      secretId: id,
    });
    const now = (await room.json('inventory', { asOf: after })).rows;
    expect(names(now)).toEqual(['a/first', 'a/second', 'a/third']);
    expect(now[0]).toMatchObject({
      owner: 'team-b',
      labels: ['tier=2'],
      version: 2,
      expiresAt: null,
      rotationDueAt: expect.any(String),
      isDisabled: true,
      syncProfiles: ['stage'],
    });
    await secrets.setDisabled(room.ctx, id, false);
  });

  it('agrees with the records about now', async () => {
    const { rows } = await room.json('inventory');
    const records = await room.secrets.rows(
      `select name, owner, current_version as version, is_disabled as "isDisabled", id as "secretId",
         to_char(rotation_due_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI') as due from secret order by name`,
    );
    const seen = rows.map(({ name, owner, version, isDisabled, secretId, rotationDueAt }) => ({
      name,
      owner,
      version,
      isDisabled,
      secretId,
      due: (rotationDueAt as string | null)?.slice(0, 16).replace('T', ' ') ?? null,
    }));
    expect(seen).toEqual(records);
  });

  it('keeps a deleted secret where it was there, and only there', async () => {
    const id = await room.secrets.secret('gone/soon');
    const before = await tick();
    await room.secrets.secrets.remove(room.ctx, id, { retain: false });
    expect(names((await room.json('inventory', { asOf: before })).rows)).toContain('gone/soon');
    expect(names((await room.json('inventory')).rows)).not.toContain('gone/soon');
  });

  it('is narrowed by profile, owner and labels as they were', async () => {
    const asOf = await tick();
    const of = async (parameters: object) => names((await room.json('inventory', { asOf, ...parameters })).rows);
    expect(await of({ vaultProfile: 'stage' })).toEqual(['a/second']);
    expect(await of({ owner: 'team-b' })).toEqual(['a/first', 'a/second']);
    expect(await of({ owner: 'team-b', labels: { tier: '2' } })).toEqual(['a/first']);
    expect(await of({ labels: { tier: '1' } })).toEqual([]);
  });

  it('counts, and finds secrets without an owner', async () => {
    const { summary, findings, trend } = await room.json('inventory');
    expect(summary).toContainEqual({ name: 'Secrets', value: 3 });
    expect(findings).toContainEqual(
      expect.objectContaining({ severity: 'medium', code: 'NO_OWNER', count: 1, examples: ['prod/a/third'] }),
    );
    expect(trend!.series).toEqual([{ name: 'secrets', values: expect.arrayContaining([3]) }]);
  });

  it('reads on behind a full batch, and misses and repeats none', async () => {
    await room.secrets.rows(
      `with made as (
         insert into secret (store_id, id, name, type, state, source_profile_id, physical_name, current_version, created_by)
         select store_id, gen_random_uuid(), 'many/' || (n % 7), type, 'deleted', source_profile_id, '', 1, created_by
         from secret, generate_series(1, 1203) n where name = 'a/first' returning *
       )
       insert into secret_version (store_id, secret_id, number, fingerprint, profile_id, origin, change_id, created_by)
       select store_id, id, 1, '', source_profile_id, 'written', gen_random_uuid(), created_by from made`,
    );
    const { rows } = await room.json('inventory');
    const many = rows.filter(({ name }) => String(name).startsWith('many/'));
    expect(new Set(many.map(({ secretId }) => secretId)).size).toBe(1203);
    expect(many).toHaveLength(1203);
    await room.secrets.rows(`delete from secret_version where fingerprint = ''`);
    await room.secrets.rows(`delete from secret where name like 'many/%'`);
  });
});

describe('what expires', () => {
  it('is shown with what is overdue, up to the days asked for, as of the moment', async () => {
    const { rows } = await room.json('expiring', { withinDays: 25 });
    expect(rows.map(({ name, what, daysLeft }) => ({ name, what, daysLeft }))).toEqual([
      { name: 'a/first', what: 'rotation', daysLeft: 0 },
      { name: 'a/second', what: 'rotation', daysLeft: 19 },
    ]);
    expect((await room.json('expiring', { withinDays: 10 })).rows).toHaveLength(1);
    room.clock.skip(2 * DAY_MS);
    const { findings, summary } = await room.json('expiring', { withinDays: 1 });
    expect(findings).toEqual([
      expect.objectContaining({ severity: 'high', code: 'ROTATION_OVERDUE', examples: ['prod/a/first'] }),
    ]);
    expect(summary).toContainEqual({ name: 'Of these overdue', value: 1 });
  });
});

describe('replication', () => {
  it('shows each copy, what it should hold and does, and how that is known', async () => {
    const id = await room.secrets.secret('copied', { owner: 'team-a', syncProfiles: ['away'] });
    await room.secrets.reconciler.reconcile(room.ctx, id);
    const { rows, summary } = await room.json('replication', { owner: 'team-a' });
    expect(rows).toEqual([
      expect.objectContaining({
        name: 'copied',
        target: 'away',
        status: 'in_sync',
        desiredVersion: 1,
        observedVersion: 1,
      }),
    ]);
    expect(summary).toContainEqual({ name: 'Copies', value: 1 });
  });

  it('finds what somebody else changed at a target, and at a source', async () => {
    const id = await room.secrets.secret('foreign', { sourceProfile: 'away' });
    await outside.write('foreign', { value: 'not ours' });
    await outside.write('copied', { value: 'not ours either' });
    const [copied] = await room.secrets.rows(`select id from secret where name = 'copied'`);
    await room.secrets.rows(
      `update sync_target set next_verify_at = now(), next_attempt_at = now(), is_look_due = true`,
    );
    await room.secrets.reconciler.reconcile(room.ctx, copied!['id'] as string);
    await room.secrets.content.read(room.ctx, id).catch(() => undefined);
    const { rows, findings } = await room.json('replication');
    expect(rows).toContainEqual(expect.objectContaining({ name: 'foreign', target: '(source)', drift: 'content' }));
    expect(rows).toContainEqual(expect.objectContaining({ name: 'copied', target: 'away', status: 'drifted' }));
    expect(findings.map(({ code }) => code)).toEqual(expect.arrayContaining(['COPY_DRIFTED', 'SOURCE_DRIFTED']));
    const keys = rows.map(({ secretId, target }) => `${String(secretId)} ${String(target)}`);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('access', () => {
  it('tells who read which version, and counts neither writes nor refusals', async () => {
    const reader = await room.approvals.principal('reader');
    const id = ids['second']!;
    const from = room.clock.now();
    await room.secrets.content.read(reader, id);
    await room.secrets.content.write(reader, id, { content: json({ value: 'three' }) });
    await room.secrets.content.read(reader, id);
    const until = room.clock.now();
    await room.secrets.content.read(reader, ids['first']!);
    const { rows, summary, trend, sections } = await room.json('access', { asOf: until.toISOString(), periodDays: 1 });
    const mine = rows.filter(({ actor, at }) => actor === 'reader' && new Date(at as string) >= from);
    expect(
      mine.map(({ what, version, owner, actorId, secretId }) => ({ what, version, owner, actorId, secretId })),
    ).toEqual(
      ['2', '1'].map((version) => ({
        what: 'read',
        version,
        owner: 'team-b',
        actorId: reader.actor.rootId,
        secretId: id,
      })),
    );
    expect(summary).toContainEqual({ name: 'Reads', value: rows.length });
    expect(trend!.labels).toHaveLength(1);
    const readers = sections.find(({ title }) => String(title).startsWith('Readers'))!;
    expect(readers.rows).toContainEqual(expect.objectContaining({ actor: 'reader', reads: 2, secrets: 1 }));
    expect((await room.json('access', { owner: 'team-a', periodDays: 30 })).rows).toEqual([]);
  });
});

describe('refused reads', () => {
  /** As the edge records it. */
  const refuse = async (ctx: RequestContext, path: string, operation = 'read'): Promise<void> => {
    const audit = room.secrets.get(AuditService);
    const resource = { kind: 'path', name: path };
    await audit.commit(
      ctx,
      audit.entry(ctx, { action: 'access.refused', outcome: 'refused', resource, details: { operation } }),
    );
  };
  const refusedIn = async (parameters: object = {}): Promise<unknown> => {
    const { sections, summary, trend } = await room.json('access', { periodDays: 1, ...parameters });
    const table = sections.find(({ title }) => String(title).startsWith('Who was refused'))!;
    const drawn = trend!.series.find(({ name }) => name === 'refused')!['values'] as number[];
    const total = summary.find(({ name }) => name === 'Refused reads')!.value;
    expect(drawn.reduce((sum, value) => sum + value, 0)).toBe(total);
    return { total, by: table.rows.map(({ actor, refused, secrets }) => [actor, refused, secrets]) };
  };

  it('are counted by who asked, as far as the filters go, and other refusals are not', async () => {
    const [mallory, trudy] = [await room.approvals.principal('mallory'), await room.approvals.principal('trudy')];
    for (const path of ['prod/data/a/first', 'prod/data/a/first', 'prod/data/none/such']) await refuse(mallory, path);
    await refuse(trudy, 'stage/data/a/second');
    await refuse(trudy, 'prod/data/a/first', 'update');
    await refuse(trudy, 'claviger/reports/access', 'create');
    expect(await refusedIn()).toEqual({ total: 4, by: [['mallory', 3, 2], ['trudy', 1, 1]] }); // prettier-ignore
    expect(await refusedIn({ vaultProfile: 'stage' })).toEqual({ total: 1, by: [['trudy', 1, 1]] });
    expect(await refusedIn({ labels: { tier: '2' } })).toEqual({ total: 2, by: [['mallory', 2, 1]] });
    expect(await refusedIn({ owner: 'nobody' })).toEqual({ total: 0, by: [] });
  });
});

describe('approvals', () => {
  let ada: RequestContext;
  let bob: RequestContext;
  let dev: RequestContext;
  let id: string;
  beforeAll(async () => {
    [ada, bob, dev] = [
      await room.approvals.principal('ada', { group: 'security' }),
      await room.approvals.principal('bob', { group: 'security' }),
      await room.approvals.principal('dev'),
    ];
    await room.approvals.principal('eve', { group: 'security' });
    const steps = [{ groups: ['security'], votes: 2, expiresAfterSeconds: 30 * 86_400 }];
    await room.approvals.gated('guarded', { kinds: ['content'], steps });
    id = await room.approvals.ungatedSecret('guarded', { value: 'one' }, { owner: 'team-a', labels: { tier: '9' } });
  });

  it('shows who asked and who voted, and judges four eyes as of the moment', async () => {
    const { id: changeId } = await room.approvals.write(dev, id, { value: 'new' });
    await room.approvals.approve(ada, changeId);
    const half = room.clock.now();
    room.clock.skip(1_000);
    await room.approvals.approve(bob, changeId);
    const [row] = (await room.json('approvals')).rows;
    expect(row).toMatchObject({
      change: 'secret.content',
      subject: expect.stringContaining('guarded'),
      requester: 'dev',
      outcome: 'approved',
      changeState: 'done',
      fourEyes: 'kept',
      requesterVoted: false,
      steps: ['1: 2 of 2'],
      votes: [expect.stringMatching(/^ada: approve at step 1, /), expect.stringMatching(/^bob: approve/)],
      changeId,
    });
    const [then] = (await room.json('approvals', { asOf: half.toISOString() })).rows;
    expect(then).toMatchObject({ outcome: 'waiting', fourEyes: 'none', steps: ['1: 1 of 2'], decidedAt: null });
  });

  it('finds glass that was broken, until somebody else has reviewed it', async () => {
    room.clock.skip(2_000);
    const { id: changeId } = await room.approvals.write(dev, id, { value: 'in haste' });
    const breakGlass = room.secrets.get(BreakGlassService);
    await breakGlass.breakGlass(ada, changeId, 'all is on fire');
    const unreviewed = await room.json('approvals', { vaultProfile: 'guarded' });
    expect(unreviewed.rows).toContainEqual(
      expect.objectContaining({ changeId, fourEyes: 'bypassed', breakGlassBy: 'ada' }),
    );
    expect(unreviewed.findings.map(({ code }) => code)).toEqual(['BREAK_GLASS_UNREVIEWED']);
    room.clock.skip(1_000);
    await breakGlass.review(bob, changeId, 'it was');
    const reviewed = await room.json('approvals', { vaultProfile: 'guarded' });
    expect(reviewed.findings.map(({ code }) => code)).toEqual(['BREAK_GLASS_REVIEWED']);
    expect((await room.json('approvals', { vaultProfile: 'prod' })).rows).toEqual([]);
  });

  it('is narrowed by owner and labels of the secret', async () => {
    const count = async (parameters: object) => (await room.json('approvals', parameters)).rows.length;
    expect(await count({ owner: 'team-a', labels: { tier: '9' } })).toBe(2);
    expect(await count({ owner: 'team-b' })).toBe(0);
    expect(await count({ labels: { tier: '8' } })).toBe(0);
  });

  it('would find a change that was executed without its votes', async () => {
    await room.secrets.rows(`delete from approval_vote where voter_name = 'bob'`);
    const { findings, summary } = await room.json('approvals');
    expect(findings[0]).toMatchObject({ severity: 'critical', code: 'FOUR_EYES_BROKEN', count: 1 });
    expect(summary).toContainEqual({ name: 'Four eyes broken', value: 1 });
  });
});

describe('a change of source', () => {
  it('leaves a secret in the inventory of before where it was managed at the moment', async () => {
    const id = await room.secrets.secret('moved/one', { sourceProfile: 'stage', syncProfiles: ['away'] });
    const moment = (): string => room.secrets.clock.now().toISOString();
    const before = moment();
    await movingIn(() => room.secrets).move(id, 'away');
    const after = moment();
    const shown = async (asOf: string): Promise<unknown> =>
      (await room.json('inventory', { asOf })).rows.find(({ name }) => name === 'moved/one');
    expect(await shown(before)).toMatchObject({ vaultProfile: 'stage', syncProfiles: ['away'], version: 1 });
    expect(await shown(after)).toMatchObject({ vaultProfile: 'away', syncProfiles: ['stage'], version: 1 });
  });
});
