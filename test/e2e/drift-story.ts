import { eventually, type JsonBody } from '@claviger/testing';
import { expect, it } from '@jest/globals';
import type { Scene } from './scenes.js';
import { unique } from './stage.js';

/** What somebody does to a copy is found, told and repaired: when it is asked for, or by itself. */
export function tellDriftStory(scene: Scene): void {
  const theirs = { value: 'theirs' };

  async function synced(profile?: Scene['target']): Promise<JsonBody> {
    const { stage, source, target } = scene;
    const secret = await stage.secret({ name: unique('copy'), source, targets: [profile ?? target] });
    await stage.inSync(secret.id);
    return secret;
  }

  it('is told as drifted, with what to do, and is overwritten on a sync request', async () => {
    const { stage, target } = scene;
    const { id, name } = await synced();
    await target.write(name, theirs);
    await stage.verifyTargets();
    const found = await stage.targetBecomes(id, 'drifted');
    expect(found).toMatchObject({
      error: { code: 'TARGET_CHANGED_AT_TARGET', action: expect.stringContaining('Sync the target') },
      drift: { kind: 'content' },
      verifiedHow: 'value',
    });
    const { body: why } = await stage.api.get(`/secrets/${id}/targets/${target.profile}/explain`);
    expect(why).toMatchObject({ isEqual: false, causes: [{ code: 'TARGET_CHANGED_AT_TARGET' }] });
    expect(why.nextAction).toContain('Sync the target');
    expect(await stage.show(id)).toMatchObject({ drift: null, replication: { drifted: 1 } });
    expect(await target.read(name)).toEqual(theirs);
    const asked = await stage.api.post(`/secrets/${id}/targets/${target.profile}/sync`);
    expect(asked).toMatchObject({ status: 202, body: { profile: target.profile } });
    await stage.inSync(id);
    const { body: equal } = await stage.api.get(`/secrets/${id}/targets/${target.profile}/explain`);
    expect(equal).toMatchObject({ isEqual: true, causes: [] });
    expect(await target.read(name)).toEqual({ value: 'one' });
  });

  it('is overwritten without asking where its profile says so', async () => {
    const { stage, target } = scene;
    const healing = await stage.vault(target.kind, unique('healing'), { repair: 'auto' });
    const { id, name } = await synced(healing);
    await healing.write(name, theirs);
    await stage.verifyTargets();
    await eventually(async () => expect(await healing.read(name)).toEqual({ value: 'one' }));
    await stage.inSync(id);
  });
}
