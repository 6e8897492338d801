import type { ApiClient, JsonBody } from '@claviger/testing';
import { beforeAll, expect, it } from '@jest/globals';
import { People } from './people.js';
import { unique, type Stage } from './stage.js';

const any = { ifMatch: '*' };

/** Nothing moves without a yes: a change waits until two people have agreed, each at another api process. */
export function tellApprovalStory(stage: () => Stage): void {
  let people: People;
  /** Voters, and who works with secrets. */
  let ada: ApiClient;
  let bob: ApiClient;
  let dev: ApiClient;
  const profile = unique('two-of-us');
  beforeAll(async () => {
    people = await People.on(stage());
    const voters = await people.group('approver');
    const members = [await people.user(), await people.user(), await people.user()];
    for (const { name } of members) await people.api.put(`/groups/${voters}/members/${name}`, undefined);
    [ada, bob, dev] = [
      await people.logIn(members[0]!),
      await people.logIn(members[1]!),
      await people.logIn(await people.user('developer')),
    ];
    const steps = [{ groups: [voters], votes: 2 }];
    await people.make('approval-profiles', { name: profile, kinds: ['content'], steps });
    const gated = { name: profile, instance: 'inside', mount: profile, approvalProfile: profile };
    await people.make('vault-profiles', gated);
  });

  it('a change waits in the queue of those who may decide, and is done by their votes at two processes', async () => {
    const base = { type: 'key-value', content: { value: 'one' }, sourceProfile: profile };
    const { body: created } = await dev.post('/secrets', { ...base, name: unique('secret') });
    const path = `/secrets/${created.secret.id}`;
    const put = await dev.put(`${path}/content`, { content: { value: 'two' }, reason: 'rotation' }, any);
    expect(put).toMatchObject({ status: 202, body: { change: { state: 'pending_approval', baseVersion: 1 } } });
    const { id } = put.body.change as { id: string };
    expect((await dev.get(path)).body).toMatchObject({ currentVersion: 1, waiting: [{ id, kind: 'secret.content' }] });

    const found = async (client: ApiClient, query = ''): Promise<JsonBody> =>
      (await client.get(`/approvals${query}`)).body.items.find((one: JsonBody) => one.id === id);
    expect(await found(ada)).toMatchObject({ reason: 'rotation', profiles: [profile] });
    expect(await found(dev)).toBeUndefined();
    expect(await found(dev, '?scope=requested&state=pending_approval')).toBeDefined();
    expect((await ada.get('/approvals/counts')).body.toDecide).toBeGreaterThanOrEqual(1);
    const seen = await ada.get(`/approvals/${id}`);
    expect(seen.body).toMatchObject({
      mayVote: true,
      steps: [{ state: 'open', missing: 2 }],
      review: { values: [{ field: '/value', change: 'changed' }], plan: [{ profile, action: 'update' }] },
    });
    expect(seen.text).not.toContain('"two"');

    expect(await dev.post(`/approvals/${id}/votes`, { decision: 'approve' })).toMatchObject({ status: 403 });
    const [here, there] = [people.everywhere(ada)[0]!, people.everywhere(bob)[1]!];
    expect(await here.post(`/approvals/${id}/votes`, { decision: 'approve' })).toMatchObject({
      status: 200,
      body: { state: 'pending_approval', steps: [{ missing: 1 }] },
    });
    expect(await there.post(`/approvals/${id}/votes`, { decision: 'approve', comment: 'agreed' })).toMatchObject({
      status: 200,
      body: { state: 'done', votes: [{ comment: '' }, { decision: 'approve', comment: 'agreed' }], review: null },
    });
    expect((await dev.get(path)).body).toMatchObject({ currentVersion: 2, waiting: [] });
    expect((await dev.get(`${path}/content`)).body.content).toEqual({ value: 'two' });
    expect(await ada.post(`/approvals/${id}/votes`, { decision: 'approve' })).toMatchObject({ status: 409 });
  });
}
