import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { ENTITIES } from '../../../composition/src/entities.js';
import { ComplianceRoom } from '../../../testing/src/compliance-room.js';
import { AheadClock, json } from '../../../testing/src/secret-room.js';
import { complianceSettings } from './compliance-profile.schema.js';

let db: TestDatabase;
let room: ComplianceRoom;
let one: string;
const clock = new AheadClock();
const DAY_MS = 86_400_000;
/** Before there was a profile: one short password, then none; one secret without an owner, then two. */
const moments: Date[] = [];

beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ComplianceRoom.create(db, undefined, clock);
  for (const name of ['prod', 'dev']) await room.secrets.builtin(name);
  const tick = async (): Promise<void> => {
    await room.settle();
    moments.push(clock.now());
    clock.skip(DAY_MS);
  };
  await tick();
  one = await room.secrets.secret('one', { type: 'basic-auth', content: { username: 'a', password: 'short' } });
  await tick();
  const content = json({ username: 'a', password: 'long enough for everybody' });
  await room.secrets.content.write(room.ctx, one, { content });
  await room.secrets.secret('two', { type: 'generic', content: { content: 'text' }, sourceProfile: 'dev' });
  await tick();
});
afterAll(() => db.drop());

const rules = complianceSettings.parse({
  rules: [
    { pack: 'passwords', rule: 'password-short' },
    {
      id: 'young',
      title: 'It is older than two days',
      severity: 'low',
      mode: 'observe',
      brokenWhen: { all: [{ fact: 'ageDays', operator: 'lessThan', value: 2 }] },
      remediation: 'Wait.',
    },
  ],
}).rules;
const everything = { labelSelectors: [{}] };

describe('a replay', () => {
  it('says what rules that are not in force would have found, at each moment', async () => {
    const { id, total } = await room.runs.replay(room.ctx, { rules, ...everything, moments, scope: {} });
    expect(total).toBe(3);
    expect(await room.worker.run(room.ctx)).toBe(1);
    const replayed = await room.runs.getReplay(room.ctx, id);
    expect(replayed).toMatchObject({ state: 'done', done: 3 });
    expect(replayed.moments).toMatchObject([
      { secrets: 0, rules: { 'password-short': { broken: 0 } } },
      {
        secrets: 1,
        rules: { 'password-short': { broken: 1, holds: 0, examples: [one] }, young: { broken: 1 } },
      },
      {
        secrets: 2,
        rules: { 'password-short': { broken: 0, holds: 1, not_applicable: 1 }, young: { broken: 0, holds: 2 } },
      },
    ]);
    expect(await room.list({ outcome: 'any' })).toEqual([]);
  });

  it('is of what a profile judges, as one of its versions says, and of one scope', async () => {
    await room.profile('base', { rules: [{ pack: 'lifecycle', rule: 'no-owner' }], vaultProfiles: ['dev'] });
    await room.profiles.update(room.ctx, 'base', { vaultProfiles: ['prod', 'dev'] });
    const count = async (more: object): Promise<unknown> => {
      const { id } = await room.runs.replay(room.ctx, { profile: 'base', moments: [moments[2]!], scope: {}, ...more });
      await room.worker.run(room.ctx);
      return (await room.runs.getReplay(room.ctx, id)).moments[0]!.secrets;
    };
    expect(await count({})).toBe(2);
    expect(await count({ version: 1 })).toBe(1);
    expect(await count({ scope: { secret: one } })).toBe(1);
  });

  it('is refused for what nobody knows of the past, with the place, and for the future', async () => {
    const { rules: present } = complianceSettings.parse({ rules: [{ pack: 'placement', rule: 'replica-unverified' }] });
    const refused = room.runs.replay(room.ctx, { rules: [...rules, ...present], ...everything, moments, scope: {} });
    await expect(refused).rejects.toMatchObject({
      code: 'INPUT_INVALID',
      details: { errors: [{ pointer: '#/rules/2/brokenWhen' }] },
    });
    const later = [new Date(clock.now().getTime() + 60_000)];
    await expect(room.runs.replay(room.ctx, { rules, ...everything, moments: later, scope: {} })).rejects.toMatchObject(
      { code: 'MOMENT_IN_FUTURE' },
    );
  });
});

describe('an evaluation', () => {
  it('looks at one secret, at those of a vault profile, or at all, those that were never heard of too', async () => {
    const evaluate = async (scope: object): Promise<object> => {
      const { id } = await room.runs.evaluate(room.ctx, scope);
      await room.worker.run(room.ctx);
      return room.runs.getEvaluation(room.ctx, id);
    };
    await room.secrets.rows('delete from compliance_state');
    expect(await evaluate({})).toMatchObject({ state: 'done', total: 2, done: 2 });
    expect(await room.broken()).toEqual(['no-owner', 'no-owner']);
    expect(await evaluate({ secret: one })).toMatchObject({ total: 1, done: 1 });
    expect(await evaluate({ vaultProfile: 'dev' })).toMatchObject({ total: 1, done: 1 });
    await expect(room.runs.evaluate(room.ctx, { secret: 'x' })).rejects.toMatchObject({
      code: 'COMPLIANCE_SCOPE_UNKNOWN',
    });
  });

  it('that lost its process is gone on with once its lease has ended', async () => {
    const { id } = await room.runs.evaluate(room.ctx, {});
    await room.secrets.rows(
      `update compliance_run set state = 'running', position = $2, done = 1, lease_until = $3 where id = $1`,
      [id, one, new Date(clock.now().getTime() + 60_000)],
    );
    expect(await room.worker.run(room.ctx)).toBe(0);
    clock.skip(61_000);
    expect(await room.worker.run(room.ctx)).toBe(1);
    expect(await room.runs.getEvaluation(room.ctx, id)).toMatchObject({ state: 'done', done: 2 });
  });
});
