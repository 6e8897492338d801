import type { ApiAnswer, ApiClient, JsonBody } from '@claviger/testing';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { tellApprovalStory } from './approval-story.js';
import { People } from './people.js';
import { unique } from './stage.js';

jest.setTimeout(60_000);

const any = { ifMatch: '*' };

let people: People;
let api: ApiClient;
/** Voters, and who works with secrets. */
let ada: ApiClient;
let bob: ApiClient;
let dev: ApiClient;
beforeAll(async () => {
  people = await People.open();
  api = people.api;
  const voters = await people.group('approver');
  const members = [await people.user(), await people.user()];
  for (const { name } of members) await api.put(`/groups/${voters}/members/${name}`, undefined);
  [ada, bob, dev] = [
    await people.logIn(members[0]!),
    await people.logIn(members[1]!),
    await people.logIn(await people.user('developer')),
  ];
  await people.make('approval-profiles', {
    name: 'four-eyes',
    kinds: ['create', 'content', 'delete', 'content-read'],
    steps: [{ groups: [voters], votes: 1 }],
  });
  await people.make('vault-profiles', {
    name: 'gated',
    instance: 'inside',
    mount: 'gated',
    approvalProfile: 'four-eyes',
  });
});
afterAll(() => people?.close());

const create = (client: ApiClient, more: object = {}): Promise<ApiAnswer> =>
  client.post('/secrets', {
    name: unique('secret'),
    type: 'key-value',
    content: { value: 'one' },
    sourceProfile: 'gated',
    ...more,
  });

/** A secret that was approved; its path. */
async function approved(more: object = {}): Promise<string> {
  const { body } = await create(dev, more);
  expect((await ada.post(`/approvals/${body.change.id}/votes`, { decision: 'approve' })).status).toBe(200);
  return `/secrets/${body.change.secretId}`;
}

const item = (page: ApiAnswer, id: string): JsonBody => page.body.items.find((one: JsonBody) => one.id === id);

describe('nothing moves without a yes', () => {
  tellApprovalStory(() => people.stage);
});

describe('a change that needs approval', () => {
  it('has a secret that waits with it, is rejected with it, and frees its name', async () => {
    const name = unique('secret');
    const { body } = await create(dev, { name });
    const path = `/secrets/${body.change.secretId}`;
    expect((await dev.get(path)).body).toMatchObject({
      state: 'pending_approval',
      waiting: [{ kind: 'secret.create' }],
    });
    expect((await create(dev, { name })).body.code).toBe('SECRET_EXISTS');
    const { id } = body.change as { id: string };
    expect((await ada.post(`/approvals/${id}/votes`, { decision: 'reject' })).body.code).toBe('COMMENT_MISSING');
    const rejected = await ada.post(`/approvals/${id}/votes`, { decision: 'reject', comment: 'not in the freeze' });
    expect(rejected.body.state).toBe('rejected');
    expect((await dev.get(path)).body.state).toBe('rejected');
    expect((await create(dev, { name })).status).toBe(202);
  });

  it('moves a secret to another profile once those of both have agreed', async () => {
    const voters = await people.group('approver');
    const mover = await people.user();
    await api.put(`/groups/${voters}/members/${mover.name}`, undefined);
    await api.put(`/groups/${voters}/members/${(await people.user()).name}`, undefined);
    const steps = [{ groups: [voters], votes: 1 }];
    await people.make('approval-profiles', { name: 'movers', kinds: ['source-change'], steps });
    const there = { name: 'moved-to', instance: 'inside', mount: 'moved-to', approvalProfile: 'movers' };
    await people.make('vault-profiles', there);
    const path = await approved();
    const asked = await dev.put(`${path}/source-profile`, { profile: 'moved-to', reason: 'new home' }, any);
    expect(asked).toMatchObject({ status: 202, body: { change: { state: 'pending_approval' } } });
    const { id } = asked.body.change as { id: string };
    expect((await ada.get(`/approvals/${id}`)).body).toMatchObject({
      profiles: [{ name: 'four-eyes' }, { name: 'movers' }],
      review: {
        settings: expect.arrayContaining([{ name: 'sourceProfile', before: 'gated', after: 'moved-to' }]),
        plan: [
          { profile: 'moved-to', role: 'source', action: 'create' },
          { profile: 'gated', role: 'target', action: 'retain' },
        ],
      },
    });
    expect((await ada.post(`/approvals/${id}/votes`, { decision: 'approve' })).body.state).toBe('pending_approval');
    const moving = await people.logIn(mover);
    expect((await moving.post(`/approvals/${id}/votes`, { decision: 'approve' })).body.state).toBe('done');
    expect((await dev.get(path)).body).toMatchObject({ sourceProfile: 'moved-to', currentVersion: 1, waiting: [] });
    expect((await dev.get(`${path}/content`)).body).toEqual({ version: 1, content: { value: 'one' } });
  });

  it('can be talked about, and taken back by who asked for it alone', async () => {
    const { id } = (await create(dev)).body.change as { id: string };
    await dev.post(`/approvals/${id}/comments`, { text: 'for release 7' });
    expect((await ada.get(`/approvals/${id}`)).body.comments).toMatchObject([{ text: 'for release 7' }]);
    expect((await ada.post(`/approvals/${id}/withdraw`)).status).toBe(403);
    expect((await dev.post(`/approvals/${id}/withdraw`)).body.state).toBe('cancelled');
  });

  it('is not executed for somebody who may not do it any more', async () => {
    const leaver = await people.user('developer');
    const client = await people.logIn(leaver);
    const { id } = (await create(client)).body.change as { id: string };
    await api.patch(`/users/${leaver.name}`, { policies: [] }, any);
    const answer = await ada.post(`/approvals/${id}/votes`, { decision: 'approve' });
    expect(answer).toMatchObject({ status: 200, body: { state: 'stale' } });
  });

  it('is not decided by who made the credential of the service account that asked', async () => {
    const [keeper, robot] = [await people.logIn(await people.user('admin')), unique('robot')];
    const voters = (await api.get('/approval-profiles/four-eyes')).body.steps[0].groups[0] as string;
    await keeper.put(`/groups/${voters}/members/${(await keeper.get('/whoami')).body.displayName}`, undefined);
    await keeper.post('/service-accounts', { name: robot, policies: ['developer'] });
    const { clientId, clientSecret } = (await keeper.post(`/service-accounts/${robot}/credentials`, {}))
      .body as JsonBody;
    const { id } = (await create(await people.logIn({ name: robot, clientId, clientSecret }))).body.change as JsonBody;
    const approve = { decision: 'approve' };
    expect((await keeper.post(`/approvals/${id}/votes`, approve)).body.code).toBe('OWN_REQUEST');
    expect((await bob.post(`/approvals/${id}/votes`, approve)).body).toMatchObject({
      state: 'done',
      sponsor: expect.any(String),
    });
  });

  it('can be decided together with others, each with an answer of its own', async () => {
    const ids = [(await create(dev)).body.change.id, (await create(ada.as(api.token))).body.change.id] as string[];
    const votes = [...ids, '01a1ff05-3707-73cc-8400-fe7ac3f2e568'].map((id) => ({ id, decision: 'approve' }));
    const { body } = await bob.post('/approvals/votes', { votes });
    expect(body.items.map(({ error }: JsonBody) => error?.code ?? null)).toEqual([null, null, 'APPROVAL_NOT_FOUND']);
  });

  it('is executed at once by who may break the glass, and looked at afterwards by somebody else', async () => {
    const { id } = (await create(dev)).body.change as { id: string };
    const reason = { reason: 'the shop is down' };
    expect((await dev.post(`/approvals/${id}/break-glass`, reason)).body.code).toBe('ACCESS_DENIED');
    expect((await api.post(`/approvals/${id}/break-glass`, reason)).body).toMatchObject({
      state: 'done',
      breakGlass: { comment: 'the shop is down' },
    });
    expect(item(await api.get('/approvals?scope=all&unreviewed=true'), id)).toBeDefined();
    expect((await api.post(`/approvals/${id}/review`, { comment: 'mine' })).body.code).toBe('OWN_DEED');
    expect((await ada.post(`/approvals/${id}/review`, { comment: 'was needed' })).status).toBe(200);
    expect(item(await api.get('/approvals?scope=all&unreviewed=true'), id)).toBeUndefined();
  });
});

describe('a read that needs approval', () => {
  it('is made once by who asked for it', async () => {
    const path = await approved();
    expect((await dev.get(`${path}/content`)).body.code).toBe('READ_NEEDS_APPROVAL');
    const asked = await dev.post(`${path}/read-requests`, { reason: 'incident 4711' });
    expect(asked.status).toBe(202);
    await ada.post(`/approvals/${asked.body.change.id}/votes`, { decision: 'approve' });
    expect((await dev.get(`${path}/content`)).body).toEqual({ version: 1, content: { value: 'one' } });
    expect((await dev.get(`${path}/content`)).body.code).toBe('READ_NEEDS_APPROVAL');
  });
});

describe('what decides about changes', () => {
  it('cannot be decided by users whose policies do not let them vote', async () => {
    const users = [(await people.user()).name, (await people.user()).name];
    const profile = { name: unique('profile'), kinds: ['content'], steps: [{ users, votes: 1 }] };
    expect((await api.post('/approval-profiles', profile)).body.code).toBe('TOO_FEW_VOTERS');
    for (const name of users) await api.patch(`/users/${name}`, { policies: ['approver'] }, any);
    expect((await api.post('/approval-profiles', profile)).status).toBe(201);
  });

  it('is itself changed by approval: approval profile, assignment and vault profile', async () => {
    const update = await api.patch('/approval-profiles/four-eyes', { description: 'Two of us' }, any);
    expect(update).toMatchObject({ status: 202, body: { change: { state: 'pending_approval' } } });
    const unassign = await api.patch('/vault-profiles/gated', { approvalProfile: null }, any);
    expect(unassign).toMatchObject({ status: 202, body: { change: { kind: 'vault-profile.update' } } });
    expect((await api.get('/vault-profiles/gated')).body.approvalProfile).toBe('four-eyes');
    await ada.post(`/approvals/${update.body.change.id}/votes`, { decision: 'approve' });
    expect((await api.get('/approval-profiles/four-eyes')).body).toMatchObject({
      version: 2,
      description: 'Two of us',
    });
    // It was asked of the version before.
    expect(await bob.post(`/approvals/${unassign.body.change.id}/votes`, { decision: 'approve' })).toMatchObject({
      status: 412,
      body: { code: 'CHANGE_STALE' },
    });
    expect((await api.delete('/approval-profiles/four-eyes', any)).body.code).toBe('APPROVAL_PROFILE_IN_USE');
  });
});

describe('a delegation', () => {
  it('lets another user vote until it ends', async () => {
    const deputy = await people.user('approver');
    const client = await people.logIn(deputy);
    const made = await ada.post('/approval-delegations', { to: deputy.name, until: '2099-01-01T00:00:00Z' });
    expect(made.body.code).toBe('DELEGATION_INVALID');
    const until = new Date(Date.now() + 86_400_000).toISOString();
    const { id: delegation } = (await ada.post('/approval-delegations', { to: deputy.name, until })).body as {
      id: string;
    };
    const { id } = (await create(dev)).body.change as { id: string };
    expect(item(await client.get('/approvals'), id)).toBeDefined();
    await client.post(`/approvals/${id}/votes`, { decision: 'approve' });
    expect((await ada.get(`/approvals/${id}`)).body.votes).toMatchObject([
      { voter: deputy.name, onBehalfOf: expect.any(String) },
    ]);
    expect((await ada.delete(`/approval-delegations/${delegation}`)).status).toBe(204);
    expect((await client.get('/approval-delegations')).body.items).toEqual([]);
  });
});
