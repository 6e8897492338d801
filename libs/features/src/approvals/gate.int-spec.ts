import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ENTITIES } from '@claviger/composition';
import { APPROVAL_FAULT_POINTS, setFaultHook, type RequestContext } from '@claviger/kernel';
import { createTestDatabase, type TestDatabase } from '@claviger/testing';
import { Keyring } from '@claviger/platform/crypto';
import { VaultInstanceService } from '@claviger/features/vault-profiles';
import { ApprovalRoom } from '../../../testing/src/approval-room.js';
import { dieAt, errorOf, Killed } from '../../../testing/src/secret-faults.js';
import { AheadClock, json, OutsideKind } from '../../../testing/src/secret-room.js';

let db: TestDatabase;
let room: ApprovalRoom;
let ada: RequestContext;
let dev: RequestContext;
const kind = new OutsideKind();
const clock = new AheadClock();
beforeAll(async () => {
  db = await createTestDatabase(ENTITIES);
  room = await ApprovalRoom.create(db, kind, clock);
  ada = await room.principal('ada', { group: 'security' });
  await room.principal('bob', { group: 'security' });
  dev = await room.principal('dev');
  await room.gated('gated', {
    kinds: ['create', 'content', 'delete', 'attributes', 'restore', 'content-read', 'sync-profile-remove'],
    steps: [{ groups: ['security'], votes: 1 }],
  });
  await room.gated('prod-only', {
    kinds: ['content'],
    condition: { all: [{ fact: 'labels', operator: 'equal', value: 'prod', path: '$.env' }] },
    steps: [{ groups: ['security'], votes: 1 }],
  });
  await room.secrets.builtin('free');
});
afterAll(() => db.drop());
afterEach(() => setFaultHook(undefined));

describe('what is approved is what is executed', () => {
  /** Each changes one thing that an approval is bound to, behind everybody's back or by a user's act. */
  const TAMPERINGS: Readonly<Record<string, (id: string, secretId: string) => Promise<unknown>>> = {
    'the parameters': (id) =>
      room.secrets.rows(`update change set parameters = jsonb_set(parameters, '{cause}', '"restore"') where id = $1`, [
        id,
      ]),
    'the payload': (id) => {
      const row = `change/${id}/payload`;
      const other = room.secrets.get<Keyring>(Keyring as never).seal(room.ctx.storeId, row, '{"value":"other"}');
      return room.secrets.rows('update change set payload = $2 where id = $1', [id, other]);
    },
    'the requester': (id) =>
      room.secrets.rows(`update change set requested_by = '{"id":"user:x","name":"x"}' where id = $1`, [id]),
    'the reason': (id) => room.secrets.rows(`update change set reason = 'another' where id = $1`, [id]),
    'the base version': (id) => room.secrets.rows('update change set base_version = 7 where id = $1', [id]),
    'the kind': (id) => room.secrets.rows(`update change set kind = 'secret.attributes' where id = $1`, [id]),
    'the secret': async (id) => {
      const other = await room.ungatedSecret('gated');
      await room.secrets.rows('update change set secret_id = $2 where id = $1', [id, other]);
    },
    'another version of the secret': (_, secretId) =>
      room.secrets.rows('update secret set current_version = 2 where id = $1', [secretId]),
    'any other change of the secret': (_, secretId) =>
      room.secrets.rows('update secret set revision = revision + 1 where id = $1', [secretId]),
    'where its copies go': (_, secretId) =>
      room.secrets.rows(
        `insert into sync_target (store_id, secret_id, profile_id, physical_name, desired_version, desired_fingerprint,
           desired_presence, verified_epoch)
         select store_id, $1, id, 'copy', 1, 'f', 'present', 'e' from vault_profile where name = 'free'`,
        [secretId],
      ),
    'the vault profile': () =>
      room.secrets.rows(`update vault_profile set revision = revision + 1 where name = 'gated'`),
    'the instance of the vault profile': () =>
      room.secrets.rows(`update vault_instance set revision = revision + 1 where name = 'inside'`),
    'the version of the approval profile': () =>
      room.secrets.rows(
        `with said as (
           insert into approval_profile_version (store_id, profile_id, version, description, kinds, steps, created_by)
           select v.store_id, profile_id, v.version + 1, description, kinds, steps, created_by
           from approval_profile_version v join approval_profile p on p.id = v.profile_id and p.version = v.version
           where p.name = 'gated' returning profile_id)
         update approval_profile p set version = version + 1 from said where p.id = said.profile_id`,
      ),
    'that an approval profile has a say': () =>
      room.secrets.rows(
        `update vault_profile set approval_profile = null, revision = revision + 1 where name = 'gated'`,
      ),
  };

  it.each(Object.keys(TAMPERINGS))('never with %s changed between the vote and the execution', async (name) => {
    const secretId = await room.ungatedSecret('gated');
    await room.ungatedSecret('gated');
    const { id } = await room.write(dev, secretId, { value: 'two' });
    // It is approved, and the process dies before it executes it.
    dieAt('approval.voted');
    await expect(room.approve(ada, id)).rejects.toBeInstanceOf(Killed);
    expect(await room.state(id)).toBe('approved');
    await TAMPERINGS[name]!(id, secretId);
    clock.skip(60_000);
    await room.secrets.changes.recover(room.ctx);
    await room.secrets.rows(`update vault_profile set approval_profile = 'gated' where name = 'gated'`);
    const [row] = await room.secrets.rows('select state, payload, error_code from change where id = $1', [id]);
    expect(row).toEqual({ state: 'stale', payload: null, error_code: 'CHANGE_STALE' });
    expect(await room.secrets.rows('select 1 from secret_version where change_id = $1', [id])).toEqual([]);
  });

  it('and what nobody touched is executed by the next process', async () => {
    const { id } = await room.write(dev, await room.ungatedSecret('gated'), { value: 'two' });
    dieAt('approval.voted');
    await expect(room.approve(ada, id)).rejects.toBeInstanceOf(Killed);
    clock.skip(60_000);
    await room.secrets.changes.recover(room.ctx);
    expect(await room.state(id)).toBe('done');
  });
});

describe.each(APPROVAL_FAULT_POINTS)('a process that dies at %s', (point) => {
  it('leaves a change that was never asked for, or one that is decided and executed once', async () => {
    const outside = kind.mounts.get('far') ?? (await room.secrets.outside('far'));
    await room.secrets.rows(
      `update vault_profile set approval_profile = null, revision = revision + 1 where name = 'far'`,
    );
    clock.skip(1_001);
    const name = point.replace('.', '-');
    const secretId = await room.secrets.secret(name, { sourceProfile: 'far', content: { value: 'one' } });
    await room.assign('far', 'gated');
    dieAt(point);
    let id: string | undefined;
    const work = async (): Promise<void> => {
      id = (await room.write(dev, secretId, { value: 'two' })).id;
      await room.approve(ada, id);
    };
    await expect(work()).rejects.toBeInstanceOf(Killed);
    setFaultHook(undefined);

    const next = await ApprovalRoom.create(db, kind, clock);
    clock.skip(60_000);
    await next.secrets.changes.recover(next.ctx);
    const rows = await next.secrets.rows('select id, state from change where secret_id = $1 and digest is not null', [
      secretId,
    ]);
    for (const { id: waiting, state } of rows) {
      if (state === 'pending_approval') await next.approve(ada, waiting as string).catch(() => undefined);
    }
    clock.skip(60_000);
    await next.secrets.changes.recover(next.ctx);
    const ends = await next.secrets.rows('select state from change where secret_id = $1 and digest is not null', [
      secretId,
    ]);
    expect(ends).toEqual(point === 'approval.opening' ? [] : [{ state: 'done' }]);
    expect(await outside.read(name)).toEqual({ value: point === 'approval.opening' ? 'one' : 'two' });
    expect(outside.versions(name)).toBe(point === 'approval.opening' ? 1 : 2);
  });
});

describe('a condition', () => {
  it('gates what it holds for, and nothing else', async () => {
    const [prod, test] = [
      await room.ungatedSecret('prod-only', { value: 'one' }, { labels: { env: 'prod' } }),
      await room.ungatedSecret('prod-only', { value: 'one' }, { labels: { env: 'test' } }),
    ];
    expect((await room.write(dev, prod, { value: 'two' })).state).toBe('pending_approval');
    expect((await room.write(dev, test, { value: 'two' })).state).toBe('done');
  });

  it('is not escaped by taking away the label that it asks for', async () => {
    const id = await room.ungatedSecret('prod-only', { value: 'one' }, { labels: { env: 'prod' } });
    const edit = (labels: Record<string, string>): Promise<{ state: string }> =>
      room.secrets.secrets.edit(dev, id, { set: { labels } });
    expect((await edit({ env: 'prod', team: 'shop' })).state).toBe('done');
    expect((await edit({ env: 'test' })).state).toBe('pending_approval');
  });
});

describe('a gated read', () => {
  it('is made once within a quarter of an hour by who asked for it, with no value kept for it', async () => {
    const id = await room.ungatedSecret('gated', { value: 'canary-read' });
    const read = (caller: RequestContext, version?: number): Promise<unknown> =>
      room.secrets.content.read(caller, id, version).then(({ content }) => JSON.parse(content.reveal()) as unknown);
    expect(await errorOf(read(dev))).toMatchObject({ code: 'READ_NEEDS_APPROVAL' });
    const change = await room.secrets.content.requestRead(dev, id, { reason: 'incident' });
    expect(change).toMatchObject({ state: 'pending_approval', kind: 'secret.content.read' });
    expect(await errorOf(read(dev))).toMatchObject({ code: 'READ_NEEDS_APPROVAL' });
    await room.approve(ada, change.id);
    const [grant] = await room.secrets.rows('select * from read_grant where change_id = $1', [change.id]);
    expect(JSON.stringify(grant)).not.toContain('canary');
    expect(await errorOf(read(ada))).toMatchObject({ code: 'READ_NEEDS_APPROVAL' });
    expect(await read(dev)).toEqual({ value: 'canary-read' });
    expect(await errorOf(read(dev))).toMatchObject({ code: 'READ_NEEDS_APPROVAL' });

    const second = await room.secrets.content.requestRead(dev, id, {});
    await room.approve(ada, second.id);
    clock.skip(15 * 60_000);
    expect(await errorOf(read(dev))).toMatchObject({ code: 'READ_NEEDS_APPROVAL' });
  });

  it('gives one answer to two readers at once', async () => {
    const id = await room.ungatedSecret('gated');
    const change = await room.secrets.content.requestRead(dev, id, {});
    await room.approve(ada, change.id);
    const reads = await Promise.allSettled([room.secrets.content.read(dev, id), room.secrets.content.read(dev, id)]);
    expect(reads.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('is not made by copying the secret to where reading is free', async () => {
    const id = await room.ungatedSecret('gated');
    const change = await room.secrets.secrets.addSyncProfile(dev, id, { profile: 'free', onConflict: 'fail' });
    expect(change.state).toBe('pending_approval');
  });

  it('is not made by guessing: nobody is told that something equals it', async () => {
    const id = await room.ungatedSecret('gated', { value: 'one' });
    const preview = await room.secrets.content.planWrite(dev, id, { content: json({ value: 'one' }) });
    expect(preview).toMatchObject({ plan: [{ action: 'update' }], waitsFor: ['gated'] });
    expect(await room.write(dev, id, { value: 'one' })).toMatchObject({ state: 'pending_approval' });
  });
});

describe('an approver', () => {
  it('sees what changes, how strong it is and what would happen where, and no value', async () => {
    const id = await room.ungatedSecret('gated', { user: 'shop', password: 'canary-old' });
    const { id: changeId } = await room.write(
      dev,
      id,
      { user: 'shop', password: 'canary-new-x8Kq2Lm9', url: 'canary-url' },
      'why',
    );
    const view = await room.view(ada, changeId);
    expect(view).toMatchObject({ mayVote: true, reason: 'why', requestedBy: { name: 'dev' } });
    expect(view.review).toEqual({
      type: 'key-value',
      settings: [{ name: 'cause', before: null, after: 'put' }],
      values: [
        { field: '/password', change: 'changed', length: '16-23', entropy: 'fair' },
        { field: '/url', change: 'added', length: '8-11', entropy: 'low' },
        { field: '/user', change: 'same', length: '1-7', entropy: 'low' },
      ],
      plan: [{ profile: 'gated', role: 'source', action: 'update', reason: expect.any(String) }],
      rules: [],
    });
    expect(JSON.stringify(view)).not.toContain('canary');
  });

  it('is told when what was asked for is there already', async () => {
    const id = await room.ungatedSecret('gated', { value: 'one' });
    const { id: changeId } = await room.write(dev, id, { value: 'one' });
    expect((await room.view(ada, changeId)).review?.plan).toMatchObject([{ action: 'no-op' }]);
    expect((await room.view(dev, changeId)).review).toBeNull();
  });

  it('sees attributes before and after', async () => {
    const id = await room.ungatedSecret('gated', { value: 'one' }, { owner: 'dev' });
    const edit = await room.secrets.secrets.edit(dev, id, { set: { owner: 'security' } });
    expect((await room.view(ada, edit.id)).review?.settings).toEqual([
      { name: 'owner', before: 'dev', after: 'security' },
    ]);
  });

  it('is nobody who may neither vote nor read approvals', async () => {
    const { id } = await room.write(dev, await room.ungatedSecret('gated'), { value: 'two' });
    const other = room.secrets.caller({ 'claviger/secrets/*': ['read'] });
    expect(await errorOf(room.view(other, id))).toMatchObject({ code: 'APPROVAL_NOT_FOUND' });
  });
});

describe('the gate itself', () => {
  it('refuses steps that could not be decided, saying why', async () => {
    const alone = { name: 'alone', kinds: ['content' as const], steps: [{ users: ['ada'], votes: 1 }] };
    expect(await errorOf(room.profiles.create(room.ctx, alone))).toMatchObject({
      code: 'TOO_FEW_VOTERS',
      message: expect.stringContaining('1 user may vote there and 1 vote is needed'),
    });
    const unknown = { ...alone, steps: [{ users: ['nobody'], votes: 1 }] };
    expect(await errorOf(room.profiles.create(room.ctx, unknown))).toMatchObject({ code: 'INPUT_INVALID' });
  });

  it('gates changes of an approval profile, of its assignment, and of the vault profile that has it', async () => {
    await room.gated('self', { kinds: [], steps: [{ groups: ['security'], votes: 1 }] });
    const update = await room.profiles.update(dev, 'self', { kinds: ['content'] });
    expect(update.state).toBe('pending_approval');
    await room.approve(ada, update.id);
    expect(await room.profiles.get(dev, 'self')).toMatchObject({ version: 2, kinds: ['content'] });
    expect(await room.profiles.get(dev, 'self', 1)).toMatchObject({ version: 1, kinds: [] });

    const { waiting, approvalProfile } = await room.secrets.profiles.update(dev, 'self', { approvalProfile: null });
    expect({ state: waiting?.state, approvalProfile }).toEqual({ state: 'pending_approval', approvalProfile: 'self' });
    expect((await room.view(ada, waiting!.id)).review?.settings).toEqual([
      { name: 'approvalProfile', before: 'self', after: null },
    ]);
    expect(await errorOf(room.profiles.remove(dev, 'self'))).toMatchObject({ code: 'APPROVAL_PROFILE_IN_USE' });
    await room.approve(ada, waiting!.id);
    expect((await room.secrets.profiles.show(dev, 'self')).approvalProfile).toBeNull();

    const removal = await room.profiles.remove(dev, 'self');
    await room.approve(ada, removal.id);
    expect(await errorOf(room.profiles.get(dev, 'self'))).toMatchObject({ code: 'APPROVAL_PROFILE_NOT_FOUND' });
  });

  it('is the same for every identity, Claviger’s first token included', async () => {
    const id = await room.ungatedSecret('gated');
    expect((await room.write(room.ctx, id, { value: 'two' })).state).toBe('pending_approval');
  });

  it('makes a waiting change stale when the address of its vault changes', async () => {
    const id = await room.ungatedSecret('gated');
    const { id: changeId } = await room.write(dev, id, { value: 'two' });
    await room.secrets.get(VaultInstanceService).update(room.ctx, 'inside', { description: 'moved' }, { check: false });
    expect(await errorOf(room.approve(ada, changeId))).toMatchObject({ code: 'CHANGE_STALE' });
  });
});

describe('breaking the glass', () => {
  it('executes at once, is told to the voters, and stays open until somebody else has looked at it', async () => {
    const id = await room.ungatedSecret('gated');
    const { id: changeId } = await room.write(dev, id, { value: 'two' });
    await room.breakGlass.breakGlass(dev, changeId, 'the shop is down');
    expect(await room.change(changeId)).toMatchObject({ state: 'done' });
    const [told] = await room.secrets.rows(
      `select facts from event where subject_id = $1 and type = 'approval.break-glass'`,
      [changeId],
    );
    expect((told!['facts'] as { voters: string[] }).voters).toHaveLength(2);
    const [entry] = await room.secrets.rows(
      `select 1 from audit_entry where action = 'approval.break-glass' and details->>'changeId' = $1`,
      [changeId],
    );
    expect(entry).toBeDefined();
    const open = (): Promise<unknown[]> =>
      room.approvals
        .list(room.ctx, { scope: 'all', limit: 10, isUnreviewed: true })
        .then((rows) => rows.filter((row) => row.id === changeId));
    expect(await open()).toHaveLength(1);
    expect(await errorOf(room.breakGlass.review(dev, changeId, 'fine'))).toMatchObject({ code: 'OWN_DEED' });
    await room.breakGlass.review(ada, changeId, 'was needed');
    expect(await open()).toEqual([]);
    expect(await errorOf(room.breakGlass.review(ada, changeId, 'again'))).toMatchObject({ code: 'NOTHING_TO_REVIEW' });
  });

  it('needs a permission of its own', async () => {
    const { id } = await room.write(dev, await room.ungatedSecret('gated'), { value: 'two' });
    const other = room.secrets.caller({ 'claviger/approvals/*': ['read', 'update'] });
    expect(await errorOf(room.breakGlass.breakGlass(other, id, 'now'))).toMatchObject({ code: 'ACCESS_DENIED' });
  });

  it('covers approval profiles whose voters have left', async () => {
    const last = await room.principal('last', { group: 'leaving' });
    const other = await room.principal('other', { group: 'leaving' });
    await room.profiles.create(room.ctx, {
      name: 'left',
      kinds: ['content'],
      steps: [{ groups: ['leaving'], votes: 1 }],
    });
    await room.disable(last);
    await room.disable(other);
    const update = await room.profiles.update(dev, 'left', {
      steps: [{ groups: ['security'], votes: 1, expiresAfterSeconds: 60 }],
    });
    expect((await room.view(dev, update.id)).steps[0]!.couldVote).toEqual([]);
    await room.breakGlass.breakGlass(dev, update.id, 'the voters have left');
    expect(await room.profiles.get(dev, 'left')).toMatchObject({ version: 2, steps: [{ groups: ['security'] }] });
  });
});

describe('the queue', () => {
  it('tells what waits for me, what of mine waits, and all to who may list it, by the date that it is due', async () => {
    const [one, two] = [
      await room.ungatedSecret('gated'),
      await room.ungatedSecret('prod-only', { value: 'one' }, { labels: { env: 'prod' } }),
    ];
    const [first, second] = [
      await room.write(ada, one, { value: 'two' }),
      await room.write(dev, two, { value: 'two' }),
    ];
    const ids = async (caller: RequestContext, query: object): Promise<string[]> =>
      (await room.approvals.list(caller, { scope: 'decide', limit: 200, ...query })).map(({ id }) => id);
    expect(await ids(ada, {})).toContain(second.id);
    expect(await ids(ada, {})).not.toContain(first.id);
    expect(await ids(ada, { scope: 'requested', state: 'pending_approval' })).toEqual([first.id]);
    expect(await ids(dev, {})).toEqual([]);
    expect(await ids(room.ctx, { scope: 'all', profile: 'prod-only', state: 'pending_approval' })).toContain(second.id);
    expect(await ids(room.ctx, { scope: 'all', requester: 'ada', kind: 'secret.content' })).toEqual([first.id]);
    expect(await ids(room.ctx, { scope: 'all', olderThanSeconds: 86_400 * 400 })).toEqual([]);
    const counts = await room.approvals.count(ada);
    expect(counts).toEqual({ toDecide: (await ids(ada, {})).length, requested: 1 });
    const other = room.secrets.caller({});
    expect(await errorOf(room.approvals.list(other, { scope: 'all', limit: 1 }))).toMatchObject({
      code: 'ACCESS_DENIED',
    });
  });
});
