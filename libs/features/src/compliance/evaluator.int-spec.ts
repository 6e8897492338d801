import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { ENTITIES } from '../../../composition/src/entities.js';
import { ComplianceRoom } from '../../../testing/src/compliance-room.js';
import { AheadClock, json } from '../../../testing/src/secret-room.js';

const DAY_MS = 86_400_000;

let db: TestDatabase;
let room: ComplianceRoom;
const clock = new AheadClock();
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ComplianceRoom.create(db, undefined, clock);
  await room.secrets.builtin('prod');
  await room.secrets.builtin('dev');
  await room.profile('base', {
    rules: [
      { pack: 'passwords', rule: 'password-short' },
      { pack: 'lifecycle', rule: 'no-owner' },
      { pack: 'lifecycle', rule: 'reused' },
      { pack: 'lifecycle', rule: 'old-content' },
      { pack: 'lifecycle', rule: 'expired', mode: 'observe' },
    ],
    vaultProfiles: ['prod'],
    labelSelectors: [{ env: 'prod' }],
  });
});
afterAll(() => db.drop());

let count = 0;
const make = (more: object = {}): Promise<string> =>
  room.secrets.secret(`login-${(count += 1)}`, {
    type: 'basic-auth',
    content: { username: 'shop', password: `long enough ${count} and more` },
    ...more,
  });
const write = (id: string, password: string): Promise<unknown> =>
  room.secrets.content.write(room.ctx, id, { content: json({ username: 'shop', password }) });
const edit = (id: string, set: object): Promise<unknown> => room.secrets.secrets.edit(room.ctx, id, { set });
const now = (): Date => clock.now();

describe('a secret', () => {
  it('is judged once it is created, by every rule that is about its type', async () => {
    const id = await make({ content: { username: 'shop', password: 'short' } });
    await room.settle();
    const all = await room.list({ secretId: id, outcome: 'any' });
    expect(Object.fromEntries(all.map(({ rule, outcome }) => [rule, outcome]))).toEqual({
      'password-short': 'broken',
      'no-owner': 'broken',
      reused: 'holds',
      'old-content': 'holds',
      expired: 'holds',
    });
    const key = await room.secrets.secret('key', { type: 'api-key', content: { key: 'x' } });
    await room.settle();
    expect(await room.list({ secretId: key, rule: 'password-short', outcome: 'any' })).toMatchObject([
      { outcome: 'not_applicable' },
    ]);
  });

  it('is judged again when its content is written, and the past stays as it was', async () => {
    const id = await make({ content: { username: 'shop', password: 'tiny' } });
    await room.settle();
    const before = now();
    clock.skip(1_000);
    await write(id, 'a much longer password than before');
    await room.settle();
    expect(await room.broken(id)).toEqual(['no-owner']);
    expect(await room.broken(id, { asOf: before })).toEqual(['no-owner', 'password-short']);
    expect((await room.list({ secretId: id }))[0]).toMatchObject({ version: 2 });
    expect((await room.list({ secretId: id, asOf: before }))[0]).toMatchObject({ version: 1 });
  });

  it('was not judged before it was there', async () => {
    const before = now();
    clock.skip(1_000);
    const id = await make();
    await room.settle();
    expect(await room.list({ secretId: id, asOf: before, outcome: 'any' })).toEqual([]);
  });

  it('is judged where it is, or by its labels, and nowhere else', async () => {
    const id = await make({ sourceProfile: 'dev' });
    await room.settle();
    expect(await room.list({ secretId: id, outcome: 'any' })).toEqual([]);
    await edit(id, { labels: { env: 'prod', team: 'a' } });
    await room.settle();
    expect(await room.broken(id)).toEqual(['no-owner']);
    await edit(id, { labels: { env: 'test' } });
    await room.settle();
    expect(await room.list({ secretId: id, outcome: 'any' })).toEqual([]);
  });

  it('is judged at the moment that time makes a difference, to the millisecond', async () => {
    const expiresAt = new Date(now().getTime() + 10 * DAY_MS);
    const id = await make({ expiresAt: expiresAt.toISOString() });
    await room.settle();
    // The schedule has its turn in between.
    clock.skip(expiresAt.getTime() - now().getTime() - 60_000);
    await room.settle();
    expect(await room.broken(id)).toEqual(['no-owner']);
    const [state] = await room.secrets.rows('select due_at from compliance_state where secret_id = $1', [id]);
    expect(state).toEqual({ due_at: new Date(expiresAt.getTime() + 1) });
    clock.skip(60_001);
    await room.settle();
    expect(await room.broken(id)).toEqual(['expired', 'no-owner']);
  });

  it('is judged again when another one takes its value, or gives it up', async () => {
    const content = { username: 'shop', password: 'the same value in two places' };
    const [one, two] = [await make({ content }), await make({ content, sourceProfile: 'dev' })];
    await room.settle();
    expect(await room.broken(one)).toEqual(['no-owner', 'reused']);
    await write(two, 'another value, long enough');
    await room.settle();
    expect(await room.broken(one)).toEqual(['no-owner']);
  });

  it('ends with its results when it is deleted', async () => {
    const id = await make();
    await room.settle();
    const before = now();
    clock.skip(1_000);
    await room.secrets.secrets.remove(room.ctx, id, { retain: false });
    await room.settle();
    expect(await room.list({ secretId: id, outcome: 'any' })).toEqual([]);
    expect(await room.broken(id, { asOf: before })).toEqual(['no-owner']);
    expect(await room.secrets.rows('select 1 from compliance_state where secret_id = $1', [id])).toEqual([]);
  });

  it('writes nothing when nothing has changed', async () => {
    await room.settle();
    const sum = (): Promise<unknown> =>
      room.secrets.rows(`select
        (select count(*) || ' ' || count(to_at) from compliance_snapshot) as snapshots,
        (select count(*) || ' ' || count(to_at) from compliance_evaluation) as evaluations,
        (select count(*) || ' ' || count(to_at) from compliance_finding) as findings`);
    const before = await sum();
    await room.secrets.rows('update compliance_state set due_at = now()');
    expect(await room.evaluator.sweep(room.ctx)).toBeGreaterThan(5);
    expect(await sum()).toEqual(before);
    expect(await room.evaluator.sweep(room.ctx)).toBe(0);
  });
});

describe('a compliance profile', () => {
  it('judges what it is assigned to once it is changed, and nothing once it is removed', async () => {
    const id = await make({ sourceProfile: 'dev', labels: { wing: 'east' } });
    await room.profile('east', { rules: [{ pack: 'lifecycle', rule: 'no-owner' }] });
    await room.settle();
    expect(await room.broken(id)).toEqual([]);
    await room.profiles.update(room.ctx, 'east', { labelSelectors: [{ wing: 'east' }] });
    await room.settle();
    expect(await room.list({ secretId: id })).toMatchObject([{ profile: 'east', profileVersion: 2 }]);
    await room.profiles.update(room.ctx, 'east', { rules: [{ pack: 'lifecycle', rule: 'no-expiry' }] });
    await room.settle();
    expect(await room.broken(id)).toEqual(['no-expiry']);
    await room.profiles.remove(room.ctx, 'east');
    await room.settle();
    expect(await room.list({ secretId: id, outcome: 'any' })).toEqual([]);
  });
});

describe('what happened', () => {
  it('is told when a rule is broken or mended, and not when a new version changes nothing, or the rule only observes', async () => {
    const told = async (id: string): Promise<object[]> =>
      (await room.hear()).filter(({ type, subjectId }) => type.startsWith('compliance.') && subjectId === id);
    const id = await make({ expiresAt: new Date(now().getTime() - 1_000).toISOString() });
    await room.settle();
    expect(await told(id)).toMatchObject([
      { type: 'compliance.broken', facts: { vaultProfile: 'prod', rules: [{ profile: 'base', rule: 'no-owner' }] } },
    ]);
    await write(id, 'another password, as long as the first');
    await room.settle();
    expect(await told(id)).toEqual([]);
    await room.approvals.principal('olga');
    await edit(id, { owner: 'olga' });
    await room.settle();
    expect(await told(id)).toMatchObject([{ type: 'compliance.mended', facts: { rules: [{ rule: 'no-owner' }] } }]);
  });
});

describe('the status', () => {
  it('counts secrets by what they are told by', async () => {
    await room.secrets.builtin('count');
    await room.profiles.update(room.ctx, 'base', { vaultProfiles: ['prod', 'count'] });
    await make({ sourceProfile: 'count' });
    await make({ sourceProfile: 'count', owner: 'olga' });
    await room.settle();
    const [row] = await room.results.status(room.ctx, { by: 'vaultProfile', vaultProfile: 'count', limit: 10 });
    expect(row).toMatchObject({
      name: 'count',
      secrets: 2,
      judged: 2,
      compliant: 1,
      broken: { low: 0, medium: 1, high: 0, critical: 0 },
      waived: 0,
    });
    const owners = await room.results.status(room.ctx, { by: 'owner', vaultProfile: 'count', limit: 10 });
    expect(owners.map(({ key, compliant }) => [key, compliant])).toEqual([
      ['', 0],
      ['olga', 1],
    ]);
  });
});

describe('results', () => {
  it('are given in pages', async () => {
    const all = await room.list({ outcome: 'any', vaultProfile: 'count' });
    const seen = [];
    for (let after; ;) {
      const page = await room.list({ outcome: 'any', vaultProfile: 'count', limit: 3, ...(after && { after }) });
      seen.push(...page);
      if (page.length < 3) break;
      const { secretId, profileId, rule } = page.at(-1)!;
      after = { secretId, profileId, rule };
    }
    expect(seen).toEqual(all);
    expect(all).toHaveLength(10);
  });

  it('are of the past, not of the future', async () => {
    await expect(room.list({ asOf: new Date(now().getTime() + 60_000) })).rejects.toMatchObject({
      code: 'MOMENT_IN_FUTURE',
    });
  });
});
