import { eventually } from '@claviger/testing';
import { expect } from '@jest/globals';
import type { Planting } from './login-canaries.js';
import { unique } from './stage.js';

const any = { ifMatch: '*' };

/** Values in plans that are applied, cancelled, stale and left waiting, and in what an import finds. */
export async function plansIn({ api, plant, must, note }: Planting): Promise<void> {
  await must(api.post('/vault-profiles', { name: 'planned', instance: 'inside', mount: 'planned' }));
  const create = (): object => ({
    kind: 'secret.create',
    name: unique('planned'),
    type: 'key-value',
    content: { value: plant() },
    sourceProfile: 'planned',
  });
  const plans: string[] = [];
  for (let i = 0; i < 4; i += 1) {
    const { id } = await must(api.post('/plans', { items: [create(), create()] }));
    await must(api.get(`/plans/${id}/items`));
    plans.push(id as string);
  }
  const [applied, cancelled, stale] = plans;
  await must(api.post(`/plans/${applied}/apply`));
  await eventually(async () => expect((await api.get(`/plans/${applied}`)).body.state).toBe('applied'));
  await must(api.delete(`/plans/${cancelled}`));
  await must(api.patch('/vault-profiles/planned', { description: 'moved' }, any));
  await note(api.post(`/plans/${stale}/apply`));
  // In the wrong places.
  await note(api.post('/plans', { items: [{ ...create(), type: plant() }] }));
  await note(api.post('/plans', { items: [{ ...create(), [plant()]: 1 }] }));
  await note(api.post('/plans', { items: [{ ...create(), type: 'basic-auth' }] }));

  const { items } = await must(api.get(`/plans/${applied}/items`));
  await must(api.delete(`/secrets/${items[0].secretId}?retain=true`, any));
  const { id } = await must(api.post('/imports', { vaultProfile: 'planned' }));
  await eventually(async () => expect((await api.get(`/imports/${id}`)).body).toMatchObject({ found: 1 }));
  await must(api.get(`/imports/${id}/items`));
  const plan = await must(api.post(`/imports/${id}/adopt`, { items: [{ number: 1, type: 'key-value' }] }));
  await must(api.post(`/plans/${plan.id}/apply`));
}
