import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { BreakGlassService } from '@claviger/features/approvals';
import { PlanService, PlanWorker, type PlanItemView, type PlanRequest } from '@claviger/features/plans';
import { systemContext, type RequestContext } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { ENTITIES } from '../../../composition/src/entities.js';
import { ComplianceRoom } from '../../../testing/src/compliance-room.js';
import { movingIn } from '../../../testing/src/moving-room.js';
import { failing, mend, refused } from '../../../testing/src/secret-faults.js';
import { AheadClock, json, OutsideKind, type OutsideMount } from '../../../testing/src/secret-room.js';

// Every way in which content or attributes come into a secret, and that rules that block stand in each.

const CANARY = 'canary-4';
const WEAK = { username: 'shop', password: CANARY };
const STRONG = { username: 'shop', password: 'long enough for every rule' };
const own = (id: string, brokenWhen: object): object => ({
  id,
  title: id,
  severity: 'high',
  mode: 'block',
  brokenWhen,
  remediation: 'Do otherwise.',
});
const label = (name: string): object => ({ fact: 'labels', operator: 'equal', value: 'yes', path: `$.${name}` });
const is = (fact: string, value: unknown, operator = 'equal'): object => ({ fact, operator, value });

let db: TestDatabase;
let room: ComplianceRoom;
let kv2: OutsideMount;
const kind = new OutsideKind();
/** Secrets of before the rules. */
const older: Record<'weakThenStrong' | 'hidden' | 'weak', string> = { weakThenStrong: '', hidden: '', weak: '' };
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ComplianceRoom.create(db, kind, new AheadClock());
  for (const name of ['prod', 'copy']) await room.secrets.builtin(name);
  kv2 = await room.secrets.outside('kv2');
  await room.secrets.outside('kv1', 'plain');
  await room.secrets.outside('far');
  for (const name of ['weakThenStrong', 'hidden', 'weak'] as const)
    older[name] = await make({ content: WEAK, sourceProfile: 'kv2' }, name);
  await write(older.weakThenStrong, STRONG);
  await room.secrets.content.changeVersion(room.ctx, older.hidden, 1, 'softDelete', {});
  await room.profile('strict', {
    labelSelectors: [{}],
    rules: [
      { pack: 'passwords', rule: 'password-short', mode: 'block' },
      own('placed', { all: [is('placeProfiles', 'far', 'contains')] }),
      own('stays-on', { all: [label('on'), is('isDisabled', true)] }),
      own('stays-off', { all: [label('off'), is('isDisabled', false)] }),
      own('copied', { all: [label('copied'), is('replicas', 0)] }),
      own('owned', { all: [label('owned'), is('owner', null)] }),
    ] as never,
  });
  await room.settle();
});
afterAll(() => db.drop());
afterEach(() => mend(kind.mounts.values()));

let count = 0;
const make = (more: object = {}, name = `login-${(count += 1)}`): Promise<string> =>
  room.secrets.secret(name, { type: 'basic-auth', content: STRONG, ...more });
const write = (id: string, content: object, ctx = room.ctx): Promise<unknown> =>
  room.secrets.content.write(ctx, id, { content: json(content) });
const edit = (id: string, set: object): Promise<unknown> => room.secrets.secrets.edit(room.ctx, id, { set });
const nameOf = async (id: string): Promise<string> => (await room.secrets.secrets.peek(room.ctx, id)).name;
/** What somebody writes past Claviger, once that was found. */
async function drifted(mount: OutsideMount, content: object): Promise<string> {
  const id = await make({ sourceProfile: mount.path });
  await mount.write(await nameOf(id), content);
  room.secrets.clock.skip(3_700_000);
  while ((await room.secrets.verification.run(room.ctx)) > 0);
  return id;
}
/** Refused for breaking these rules, without a value, and nothing was written. */
async function expectRefused(work: () => Promise<unknown>, ...rules: string[]): Promise<Error> {
  const before = await world();
  const error = (await work().then(
    () => new Error('It was done.'),
    (thrown: unknown) => thrown,
  )) as Error & { code?: string; details?: { rules: { rule: string }[] } };
  expect([error.message, error.code]).toEqual([expect.stringContaining('refused'), 'COMPLIANCE_BLOCKED']);
  expect(error.details!.rules.map(({ rule }) => rule)).toEqual(rules);
  expect(`${error.message}${JSON.stringify(error)}`).not.toContain(CANARY);
  expect(await world()).toEqual(before);
  return error;
}
/** All that a refused change must leave as it was. */
async function world(): Promise<unknown> {
  const secrets = await room.secrets.rows(
    `select id, name, revision, state, current_version, owner, labels, is_disabled, source_profile_id, drift from secret order by id`,
  );
  const targets = await room.secrets.rows(`select secret_id, profile_id from sync_target order by 1, 2`);
  const vaults = [...kind.mounts.values()].map(({ path, vault }) =>
    [...vault.snapshot()].map(([name, { versions }]) => [path, name, versions.length]),
  );
  return JSON.stringify([secrets, targets, vaults]);
}

describe('a rule that blocks', () => {
  it('judges what is created: given, generated, and found at the source', async () => {
    await expectRefused(() => make({ content: WEAK }), 'password-short');
    await expectRefused(() => make({ content: WEAK, sourceProfile: 'kv2' }), 'password-short');
    const generate = { username: 'shop', length: 8, alphabet: 'digits' };
    await expectRefused(() => make({ generate }), 'password-short');
    await expectRefused(() => make({ syncProfiles: ['far'] }), 'placed');
    await expectRefused(() => make({ labels: { owned: 'yes' } }), 'owned');
  });

  it.each(['prod', 'kv2', 'kv1'])('judges what is written at %s: put, patched and rotated', async (sourceProfile) => {
    const id = await make({ sourceProfile });
    const { content } = room.secrets;
    const generate = { username: 'shop', length: 8, alphabet: 'digits' };
    await expectRefused(() => write(id, WEAK), 'password-short');
    await expectRefused(() => content.patch(room.ctx, id, { content: json({ password: CANARY }) }), 'password-short');
    await expectRefused(() => content.rotate(room.ctx, id, { generate } as never), 'password-short');
    await expectRefused(() => content.planWrite(room.ctx, id, { content: json(WEAK) }), 'password-short');
  });

  it('judges an old version that is restored, and a current one that is brought back', async () => {
    const { content } = room.secrets;
    await expectRefused(() => content.restore(room.ctx, older.weakThenStrong, 1, {}), 'password-short');
    await expectRefused(() => content.changeVersion(room.ctx, older.hidden, 1, 'undelete', {}), 'password-short');
    await content.changeVersion(room.ctx, older.weakThenStrong, 1, 'softDelete', {});
    await content.changeVersion(room.ctx, older.weakThenStrong, 1, 'undelete', {});
    await content.changeVersion(room.ctx, older.weakThenStrong, 2, 'softDelete', {});
    await content.changeVersion(room.ctx, older.weakThenStrong, 2, 'undelete', {});
  });

  it('judges attributes, and whether it is enabled', async () => {
    const { secrets } = room.secrets;
    const id = await make();
    await expectRefused(() => edit(id, { labels: { owned: 'yes' } }), 'owned');
    await edit(id, { labels: { on: 'yes' } });
    await expectRefused(() => secrets.setDisabled(room.ctx, id, true), 'stays-on');
    await edit(id, { labels: {} });
    await secrets.setDisabled(room.ctx, id, true);
    await edit(id, { labels: { off: 'yes' } });
    await expectRefused(() => secrets.setDisabled(room.ctx, id, false), 'stays-off');
  });

  it('judges a place that is added, one that is taken away, and a new source', async () => {
    const { secrets } = room.secrets;
    const id = await make({ syncProfiles: ['copy'], labels: { copied: 'yes' } });
    const far = { profile: 'far', onConflict: 'fail' } as const;
    await expectRefused(() => secrets.addSyncProfile(room.ctx, id, far), 'placed');
    const away = { profile: 'copy', purge: false };
    await expectRefused(() => secrets.removeSyncProfile(room.ctx, id, away), 'copied');
    const { ask, acceptDatabase } = movingIn(() => room.secrets);
    await acceptDatabase();
    await expectRefused(() => ask(id, 'far'), 'placed');
  });

  it('judges once more what failed and is tried again', async () => {
    const id = await make({ sourceProfile: 'kv2', labels: { late: 'yes' } });
    failing(kv2, 'put', refused('UNAVAILABLE'));
    const failed = (await write(id, { ...STRONG, password: `${STRONG.password}, later` }).catch(
      (error: unknown) => error,
    )) as { details: { changeId: string } };
    await later(async () => {
      await expectRefused(() => room.secrets.changes.retry(room.ctx, failed.details.changeId), 'not-now');
    });
    await room.secrets.changes.retry(room.ctx, failed.details.changeId);
  });

  it('judges once more what was approved, and what a glass was broken for', async () => {
    const [ada, dev] = await voters();
    const id = await make({ sourceProfile: 'gated', labels: { late: 'yes' } });
    await expectRefused(() => write(id, WEAK, dev), 'password-short');
    const asked = await room.approvals.write(dev, id, { ...STRONG, password: `${STRONG.password}, approved` });
    const urgent = await make({ sourceProfile: 'gated', labels: { late: 'yes' } });
    const broken = await room.approvals.write(dev, urgent, { ...STRONG, password: `${STRONG.password}, urgent` });
    await later(async () => {
      const before = await world();
      await room.approvals.approve(ada, asked.id);
      await room.secrets.get(BreakGlassService).breakGlass(ada, broken.id, 'all is on fire');
      for (const { id: changeId } of [asked, broken])
        expect(await room.approvals.change(changeId)).toMatchObject({
          state: 'stale',
          errorCode: 'COMPLIANCE_BLOCKED',
        });
      expect(await world()).toEqual(before);
    });
  });
});

describe('a plan', () => {
  const plan = async (...items: PlanRequest[]): Promise<{ id: string; found: PlanItemView[] }> => {
    const plans = room.secrets.get(PlanService);
    const { id } = await plans.create(room.ctx, { items });
    return { id, found: await plans.listItems(room.ctx, id, { limit: 100 }) };
  };
  const creation = (name: string, content: object, more: object = {}): PlanRequest => ({
    kind: 'secret.create',
    name,
    type: 'basic-auth',
    content: json(content),
    sourceProfile: 'kv2',
    syncProfiles: [],
    onConflict: 'fail',
    ...more,
  });

  it('says of each kind of item that it would be refused, and of what is imported', async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, () => make({ syncProfiles: ['copy'] })));
    const { secrets, content } = room.secrets;
    const [written, patched, rotated, edited, placed, moved] = ids as [string, string, string, string, string, string];
    const off = await make();
    await secrets.setDisabled(room.ctx, off, true);
    await edit(off, { labels: { off: 'yes' } });
    await content.changeVersion(room.ctx, older.weak, 1, 'softDelete', {});
    await kv2.write('found', WEAK);
    const { found } = await plan(
      creation('planned', WEAK),
      { kind: 'secret.adopt', name: 'found', type: 'basic-auth', sourceProfile: 'kv2', syncProfiles: [] },
      { kind: 'secret.content', secretId: written, content: json(WEAK) },
      { kind: 'secret.content.patch', secretId: patched, content: json({ password: CANARY }) },
      { kind: 'secret.rotate', secretId: rotated, generate: { username: 'shop', length: 8 } as never },
      { kind: 'secret.restore', secretId: older.weakThenStrong, number: 1 },
      { kind: 'secret.version.undelete', secretId: older.weak, number: 1 },
      { kind: 'secret.attributes', secretId: edited, set: { labels: { owned: 'yes' } } },
      { kind: 'secret.enable', secretId: off },
      { kind: 'secret.sync-profile.add', secretId: placed, profile: 'far', onConflict: 'fail' },
      { kind: 'secret.source-profile', secretId: moved, profile: 'far', onConflict: 'fail' },
    );
    expect(found.map(({ kind: asked, action, error }) => [asked, action, error?.code])).toEqual(
      found.map(({ kind: asked }) => [asked, 'blocked', 'COMPLIANCE_BLOCKED']),
    );
    expect(found).toHaveLength(11);
  });

  it('is judged again item by item when it is applied', async () => {
    const { id } = await plan(
      creation('planned-late', STRONG, { labels: { late: 'yes' } }),
      creation('planned-well', STRONG),
    );
    await later(async () => {
      const plans = room.secrets.get(PlanService);
      await plans.apply(room.ctx, id, { skipUnready: true });
      const job = systemContext({ requestId: 'job', storeId: room.ctx.storeId, job: 'plan.carry-on' });
      await room.secrets.get(PlanWorker).carryOn(job, id);
      const ended = await plans.listItems(room.ctx, id, { limit: 10 });
      expect(ended.map(({ state, error }) => [state, error?.code])).toEqual([
        ['failed', 'COMPLIANCE_BLOCKED'],
        ['done', undefined],
      ]);
      expect(await kv2.read('planned-late')).toBeUndefined();
    });
  });
});

describe('drift at the source', () => {
  it.each(['kv2', 'kv1'])(
    'at %s is not adopted where it breaks a rule: the refusal names the rule and the ways out',
    async (path) => {
      const mount = kind.mounts.get(path)!;
      const id = await drifted(mount, WEAK);
      await room.hear();
      const { message } = await expectRefused(() => room.secrets.content.adoptDrift(room.ctx, id), 'password-short');
      expect(message).toMatch(/strict\/password-short .*Overwrite what was found .* or have the rule waived/);
      expect((await room.hear()).map(({ type }) => type)).toEqual(['compliance.blocked']);
      await write(id, { ...STRONG, password: `${STRONG.password}, once more` });
      expect((await room.secrets.secrets.peek(room.ctx, id)).drift).toBeNull();
    },
  );

  it('is adopted where it keeps the rules, and where the one that it breaks is waived', async () => {
    const good = await drifted(kv2, { ...STRONG, password: `${STRONG.password}, theirs` });
    await room.secrets.content.adoptDrift(room.ctx, good);
    const bad = await drifted(kv2, WEAK);
    await expectRefused(() => room.secrets.content.adoptDrift(room.ctx, bad), 'password-short');
    await room.waivers.waive(room.ctx, {
      secretId: bad,
      profile: 'strict',
      rule: 'password-short',
      reason: 'the till takes no more',
      until: new Date(room.secrets.clock.now().getTime() + 86_400_000),
    });
    await room.secrets.content.adoptDrift(room.ctx, bad);
    expect(await room.secrets.secrets.peek(room.ctx, bad)).toMatchObject({ currentVersion: 2, drift: null });
  });

  it('that was only found refuses nobody, and is a finding', async () => {
    const id = await drifted(kv2, WEAK);
    const watched = { rules: [{ pack: 'placement', rule: 'drift-open' }], labelSelectors: [{}] };
    await room.profile('watch', watched, (await voters())[0]);
    await room.settle();
    expect(await room.broken(id)).toEqual(['drift-open']);
    await without('watch');
  });

  it('is overwritten with what is recorded even where that breaks a rule: it was in force before', async () => {
    const id = older.weak;
    const { content } = room.secrets;
    await kv2.vault.undelete({ requestId: 'past-claviger', signal: new AbortController().signal }, await nameOf(id), [
      '1',
    ]);
    await room.secrets.rows(`update secret_version set deleted_at = null where secret_id = $1`, [id]);
    await kv2.write(await nameOf(id), { ...WEAK, password: 'also-4d' });
    room.secrets.clock.skip(3_700_000);
    while ((await room.secrets.verification.run(room.ctx)) > 0);
    await content.overwriteDrift(room.ctx, id);
    expect(await kv2.read(await nameOf(id))).toEqual(WEAK);
  });

  it('whose adoption is asked for is shown to approvers by its fields and the rules it breaks, and judged again', async () => {
    const [ada, dev] = await voters();
    await room.secrets.rows(
      `update vault_profile set approval_profile = 'gated', revision = revision + 1 where name = 'kv2'`,
    );
    try {
      const id = await drifted(kv2, { ...STRONG, password: `${STRONG.password}, theirs` });
      await edit(id, { labels: { late: 'yes' } });
      const { id: changeId, state } = await room.secrets.content.adoptDrift(dev, id);
      expect(state).toBe('pending_approval');
      const { review } = await room.approvals.approvals.get(ada, changeId);
      expect(review!.values.map(({ field, change }) => [field, change])).toEqual(
        expect.arrayContaining([
          ['/password', 'changed'],
          ['/username', 'same'],
        ]),
      );
      expect(review!.settings).toEqual([{ name: 'drift', before: null, after: 'content' }]);
      expect(review!.rules).toContainEqual(expect.objectContaining({ rule: 'password-short', after: 'holds' }));
      await later(async () => {
        await room.approvals.approve(ada, changeId);
        expect(await room.approvals.change(changeId)).toMatchObject({
          state: 'stale',
          errorCode: 'COMPLIANCE_BLOCKED',
        });
      });
    } finally {
      await room.secrets.rows(
        `update vault_profile set approval_profile = null, revision = revision + 1 where name = 'kv2'`,
      );
    }
  });
});

/** While a rule is there that refuses content of secrets with the label `late`. */
async function later(work: () => Promise<void>): Promise<void> {
  const [ada] = await voters();
  await room.profile(
    'late',
    {
      labelSelectors: [{ late: 'yes' }],
      rules: [own('not-now', { all: [is('fields', 'password', 'contains')] })] as never,
    },
    ada,
  );
  try {
    await work();
  } finally {
    await without('late');
  }
}

/** Takes a compliance profile out of force. */
async function without(profile: string): Promise<void> {
  const { id, state } = await room.profiles.remove(room.ctx, profile);
  if (state === 'pending_approval') await room.approvals.approve((await voters())[0], id);
}

let known: Promise<[RequestContext, RequestContext]> | undefined;
/** One who votes, and one who asks; with a vault profile whose content is gated. */
function voters(): Promise<[RequestContext, RequestContext]> {
  known ??= (async () => {
    const ada = await room.approvals.principal('ada', { group: 'security' });
    await room.approvals.principal('bob', { group: 'security' });
    await room.approvals.gated('gated', { kinds: ['content'], steps: [{ groups: ['security'], votes: 1 }] });
    return [ada, await room.approvals.principal('dev')];
  })();
  return known;
}
