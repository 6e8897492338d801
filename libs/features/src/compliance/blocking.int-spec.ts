import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RequestContext } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { ENTITIES } from '../../../composition/src/entities.js';
import { ComplianceRoom } from '../../../testing/src/compliance-room.js';
import { AheadClock, json, OutsideKind } from '../../../testing/src/secret-room.js';

const CANARY = 'canary-4d';
const STRONG = 'a password that is long enough';

let db: TestDatabase;
let room: ComplianceRoom;
let ada: RequestContext;
let dev: RequestContext;
const kind = new OutsideKind();
const clock = new AheadClock();
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ComplianceRoom.create(db, kind, clock);
  ada = await room.approvals.principal('ada', { group: 'security' });
  await room.approvals.principal('bob', { group: 'security' });
  dev = await room.approvals.principal('dev');
  for (const name of ['prod', 'free']) await room.secrets.builtin(name);
  await room.secrets.outside('far');
  await room.approvals.gated('gated', {
    kinds: ['content', 'waiver'],
    steps: [{ groups: ['security'], votes: 1 }],
  });
  await room.profile(
    'strict',
    {
      rules: [
        { pack: 'passwords', rule: 'password-short', mode: 'block' },
        { pack: 'lifecycle', rule: 'reused', mode: 'block' },
        {
          id: 'placed-well',
          title: 'Nothing is kept outside',
          severity: 'high',
          mode: 'block',
          brokenWhen: { all: [{ fact: 'placeKinds', operator: 'contains', value: 'outside' }] },
          remediation: 'Keep it inside.',
        },
        {
          id: 'no-team',
          title: 'It has a team',
          severity: 'low',
          mode: 'block',
          brokenWhen: { all: [{ fact: 'labels', operator: 'equal', value: null, path: '$.team' }] },
          remediation: 'Set the label team.',
        },
      ],
      vaultProfiles: ['prod', 'gated'],
    },
    ada,
  );
  await room.settle();
});
afterAll(() => db.drop());

let count = 0;
const make = (password = `${STRONG} ${(count += 1)}`, more: object = {}): Promise<string> =>
  room.secrets.secret(`login-${(count += 1)}`, {
    type: 'basic-auth',
    content: { username: 'shop', password },
    labels: { team: 'a' },
    ...more,
  });
const write = (id: string, password: string, ctx = room.ctx): Promise<unknown> =>
  room.secrets.content.write(ctx, id, { content: json({ username: 'shop', password }) });
const edit = (id: string, set: object): Promise<unknown> => room.secrets.secrets.edit(room.ctx, id, { set });
const refused = (...rules: string[]): object => ({
  code: 'COMPLIANCE_BLOCKED',
  details: expect.objectContaining({ rules: rules.map((rule) => expect.objectContaining({ rule })) }),
});
/** A secret that breaks what blocks now: it was there before. */
async function older(password: string, more: object = {}): Promise<string> {
  const id = await make(password, { sourceProfile: 'free', ...more });
  await room.secrets.rows(
    `update secret set source_profile_id = (select id from vault_profile where name = 'prod') where id = $1`,
    [id],
  );
  return id;
}

describe('a rule that blocks', () => {
  it('refuses a new secret that breaks it, and says what to do, without a value', async () => {
    const made = make(CANARY);
    await expect(made).rejects.toMatchObject(refused('password-short'));
    const error = await made.catch((thrown: Error) => thrown);
    expect(String(error)).toMatch(/strict\/password-short .*Generate a new password/);
    expect(JSON.stringify(error) + String(error)).not.toContain(CANARY);
    expect(await room.secrets.rows(`select 1 from secret where name like 'login-%' and state <> 'active'`)).toEqual([]);
  });

  it('refuses content by the short way too, of a secret that is known', async () => {
    const id = await make();
    await write(id, `${STRONG} once more`);
    await expect(write(id, 'short')).rejects.toMatchObject(refused('password-short'));
    await expect(write(id, `${STRONG} and again`)).resolves.toBeDefined();
  });

  it('refuses what it is asked about without doing it', async () => {
    const id = await make();
    await expect(
      room.secrets.content.planWrite(room.ctx, id, { content: json({ username: 'shop', password: 'short' }) }),
    ).rejects.toMatchObject(refused('password-short'));
  });

  it('refuses a value that another secret has', async () => {
    const id = await make(`${STRONG} that two have`, { sourceProfile: 'free' });
    await room.settle();
    await expect(make(`${STRONG} that two have`)).rejects.toMatchObject(refused('reused'));
    await write(id, `${STRONG} that one has`);
    await room.settle();
    await expect(make(`${STRONG} that two have`)).resolves.toBeDefined();
  });

  it('refuses a place, a label that is taken away, and nothing at other vault profiles', async () => {
    const id = await make();
    const input = { profile: 'far', onConflict: 'fail' } as const;
    await expect(room.secrets.secrets.addSyncProfile(room.ctx, id, input)).rejects.toMatchObject(
      refused('placed-well'),
    );
    await expect(edit(id, { labels: {} })).rejects.toMatchObject(refused('no-team'));
    await expect(make('short', { sourceProfile: 'free' })).resolves.toBeDefined();
  });

  it('lets be mended one by one what is broken already, and refuses new content that is as bad', async () => {
    const id = await older('short', { labels: {} });
    await expect(edit(id, { description: 'of the shop' })).resolves.toBeDefined();
    await expect(write(id, 'tiny')).rejects.toMatchObject(refused('password-short'));
    await expect(write(id, `${STRONG} now`)).resolves.toBeDefined();
    await expect(edit(id, { labels: { team: 'b' } })).resolves.toBeDefined();
  });

  it('is told of, with an entry in the audit log', async () => {
    const id = await make();
    await room.hear();
    await write(id, 'short').catch(() => undefined);
    expect(await room.hear()).toMatchObject([
      { type: 'compliance.blocked', subjectId: id, facts: { rules: [{ profile: 'strict', rule: 'password-short' }] } },
    ]);
    const audited = `select details from audit_entry where action = 'compliance.block' and resource_id = $1`;
    expect(await room.secrets.rows(audited, [id])).toMatchObject([{ details: { rules: 'strict/password-short' } }]);
  });

  it('is known to an approver as it stands before and after', async () => {
    const id = await older('short');
    await room.secrets.rows(
      `update secret set source_profile_id = (select id from vault_profile where name = 'gated') where id = $1`,
      [id],
    );
    const { id: changeId } = await room.approvals.write(dev, id, { username: 'shop', password: `${STRONG} now` });
    const { review } = await room.approvals.approvals.get(ada, changeId);
    expect(review!.rules).toContainEqual({
      profile: 'strict',
      rule: 'password-short',
      title: 'A password has at least 12 characters',
      severity: 'high',
      mode: 'block',
      before: 'broken',
      after: 'holds',
    });
  });

  it('refuses a change before it waits, and one that was approved before the rule was there', async () => {
    const id = await make(undefined, { sourceProfile: 'gated' });
    await expect(room.approvals.write(dev, id, { username: 'shop', password: 'short' })).rejects.toMatchObject(
      refused('password-short'),
    );
    const { id: changeId } = await room.approvals.write(dev, id, { username: 'shop', password: `${STRONG} later` });
    await room.profile(
      'stricter',
      {
        rules: [
          {
            id: 'none',
            title: 'No passwords at all',
            severity: 'low',
            mode: 'block',
            types: ['basic-auth'],
            brokenWhen: { all: [{ fact: 'fields', operator: 'contains', value: 'password' }] },
            remediation: 'Use a key.',
          },
        ],
        labelSelectors: [{ team: 'a' }],
      },
      ada,
    );
    await room.approvals.approve(ada, changeId);
    const [row] = await room.secrets.rows('select state, payload, error_code from change where id = $1', [changeId]);
    expect(row).toEqual({ state: 'stale', payload: null, error_code: 'COMPLIANCE_BLOCKED' });
    await room.approvals.approve(ada, (await room.profiles.remove(room.ctx, 'stricter')).id);
  });
});

describe('a waiver', () => {
  const waive = (secretId: string, more: object = {}, ctx = room.ctx): Promise<{ id: string; state: string }> =>
    room.waivers.waive(ctx, {
      secretId,
      profile: 'strict',
      rule: 'password-short',
      reason: 'the device takes no more',
      until: new Date(clock.now().getTime() + 10 * 86_400_000),
      ...more,
    });

  it('lets a secret break a rule for a while, which the result says', async () => {
    const id = await older('short');
    await waive(id);
    await expect(write(id, 'tiny')).resolves.toBeDefined();
    await room.settle();
    const before = clock.now();
    expect(await room.list({ secretId: id })).toMatchObject([
      {
        rule: 'password-short',
        waiver: { reason: 'the device takes no more', until: expect.stringMatching(/T.*\.\d{3}Z$/) },
      },
    ]);
    expect((await room.results.status(room.ctx, { by: 'secret', secretId: id, limit: 1 }))[0]).toMatchObject({
      compliant: 1,
      waived: 1,
      broken: { high: 0 },
    });
    await room.hear();
    clock.skip(8 * 86_400_000);
    expect(await room.waivers.tellExpiring(room.ctx)).toBe(1);
    expect(await room.waivers.tellExpiring(room.ctx)).toBe(0);
    expect(await room.hear()).toMatchObject([{ type: 'waiver.expiring', facts: { rule: 'password-short' } }]);
    clock.skip(3 * 86_400_000);
    expect(await room.list({ secretId: id })).toMatchObject([{ waiver: null }]);
    expect(await room.list({ secretId: id, asOf: before, isWaived: true })).toHaveLength(1);
    await expect(write(id, 'less')).rejects.toMatchObject(refused('password-short'));
  });

  it('is ended by hand at once', async () => {
    const id = await older('short');
    await waive(id);
    const [waiver] = await room.waivers.list(room.ctx, { secretId: id, limit: 10 });
    expect(waiver).toMatchObject({ state: 'in_force', profile: 'strict', vaultProfile: 'prod' });
    await room.waivers.end(room.ctx, waiver!.id);
    expect(await room.waivers.list(room.ctx, { secretId: id, limit: 10 })).toMatchObject([{ state: 'ended' }]);
    await expect(room.waivers.end(room.ctx, waiver!.id)).rejects.toMatchObject({ code: 'WAIVER_NOT_FOUND' });
    await expect(write(id, 'less')).rejects.toMatchObject(refused('password-short'));
  });

  it('is one for each rule, of a rule that judges the secret, with an end that is not too far', async () => {
    const id = await older('short');
    await waive(id);
    await expect(waive(id)).rejects.toMatchObject({ code: 'WAIVER_EXISTS' });
    await expect(waive(id, { rule: 'nothing' })).rejects.toMatchObject({ code: 'COMPLIANCE_RULE_NOT_FOUND' });
    await expect(waive(id, { rule: 'no-team', until: new Date(0) })).rejects.toMatchObject({ code: 'WAIVER_INVALID' });
    const other = await make(undefined, { sourceProfile: 'free' });
    await expect(waive(other)).rejects.toMatchObject({ code: 'COMPLIANCE_RULE_NOT_FOUND' });
  });

  it('waits for approval where waivers are gated', async () => {
    const id = await make(undefined, { sourceProfile: 'gated' });
    const change = await waive(id, {}, dev);
    expect(change.state).toBe('pending_approval');
    expect(await room.waivers.list(room.ctx, { secretId: id, limit: 10 })).toEqual([]);
    await room.approvals.approve(ada, change.id);
    expect(await room.waivers.list(room.ctx, { secretId: id, limit: 10 })).toMatchObject([
      { state: 'in_force', requestedBy: { name: 'dev' } },
    ]);
  });
});

describe('a compliance profile', () => {
  it('waits for the approval profiles of the vault profiles that it judges', async () => {
    const { id, state } = await room.profiles.update(dev, 'strict', { description: 'New' });
    expect(state).toBe('pending_approval');
    expect((await room.profiles.get(room.ctx, 'strict')).version).toBe(1);
    await room.approvals.approve(ada, id);
    expect((await room.profiles.get(room.ctx, 'strict')).version).toBe(2);
    await make(undefined, { sourceProfile: 'gated', labels: { team: 'z' } });
    const made = await room.profiles.create(dev, {
      name: 'by-label',
      rules: [{ pack: 'keys' }],
      labelSelectors: [{ team: 'z' }],
    });
    expect(made.state).toBe('pending_approval');
    await room.approvals.approve(ada, made.id);
    expect((await room.profiles.get(room.ctx, 'by-label')).version).toBe(1);
  });
});
