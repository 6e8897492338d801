import { expect } from '@jest/globals';
import type { Planting } from './login-canaries.js';
import { unique } from './stage.js';

const any = { ifMatch: '*' };

/** Values that wait for approval, are looked at, read with approval, rejected, stale, executed, and left waiting. */
export async function approvalsIn({ api, plant, keep, must, note }: Planting): Promise<void> {
  const password = plant();
  for (const name of ['voter-1', 'voter-2'])
    await must(api.post('/users', { name, password, policies: ['approver', 'developer'] }));
  const steps = [{ policies: ['approver'], votes: 1 }];
  const kinds = ['create', 'content', 'content-read'];
  await must(api.post('/approval-profiles', { name: 'four-eyes', kinds, steps }));
  const profile = { name: 'gated', instance: 'inside', mount: 'gated', approvalProfile: 'four-eyes' };
  await must(api.post('/vault-profiles', profile));
  const voter = api.as(
    (await api.as(undefined).post('/login/password', { name: 'voter-1', password })).body.token as string,
  );
  keep(voter.token!);
  const decide = async (id: string, vote: object): Promise<void> => {
    await must(voter.get(`/approvals/${id}`));
    await must(voter.post(`/approvals/${id}/votes`, vote));
  };
  const base = { type: 'key-value', sourceProfile: 'gated' };
  const create = { ...base, name: unique('waits'), content: { value: plant(), other: plant() } };
  const { change } = await must(api.post('/secrets', create));
  await decide(change.id as string, { decision: 'approve' });
  const path = `/secrets/${change.secretId}/content`;
  const ids: string[] = [];
  for (let i = 0; i < 3; i += 1)
    ids.push((await must(api.put(path, { content: { value: plant() } }, any))).change.id as string);
  await decide(ids[0]!, { decision: 'reject', comment: 'no' });
  await decide(ids[1]!, { decision: 'approve' });
  await note(voter.get(`/approvals/${ids[2]}`));
  await note(voter.post(`/approvals/${ids[2]}/votes`, { decision: 'approve' }));
  const read = await must(api.post(`/secrets/${change.secretId}/read-requests`));
  await decide(read.change.id as string, { decision: 'approve' });
  expect((await api.get(path)).status).toBe(200);
  await must(api.put(path, { content: { value: plant() } }, any));
}
