import { eventually, type JsonBody } from '@claviger/testing';
import { expect, it, jest } from '@jest/globals';
import { tellDriftStory } from './drift-story.js';
import { describeScenes } from './scenes.js';
import { unique } from './stage.js';

jest.setTimeout(60_000);

describeScenes('a target that somebody changed', (scene) => {
  tellDriftStory(scene);

  const theirs = { value: 'theirs' };

  async function synced(): Promise<JsonBody> {
    const { stage, source, target } = scene;
    const secret = await stage.secret({ name: unique('copy'), source, targets: [target] });
    await stage.inSync(secret.id);
    return secret;
  }

  it('is overwritten by a new version', async () => {
    const { stage, target } = scene;
    const { id, name } = await synced();
    await target.write(name, theirs);
    await stage.write(id, { value: 'two' });
    await stage.inSync(id);
    expect(await target.read(name)).toEqual({ value: 'two' });
  });

  it('is told as missing when the copy was removed, and is brought back on a sync request', async () => {
    const { stage, target } = scene;
    const { id, name } = await synced();
    await target.remove(name);
    await stage.verifyTargets();
    expect(await stage.targetBecomes(id, 'missing')).toMatchObject({ error: { code: 'TARGET_REMOVED_AT_TARGET' } });
    await stage.api.post(`/secrets/${id}/targets/${target.profile}/sync`);
    await stage.inSync(id);
    expect(await target.read(name)).toEqual({ value: 'one' });
  });

  it('is counted in the summary', async () => {
    const { stage, target } = scene;
    const { id, name } = await synced();
    await target.write(name, theirs);
    await stage.verifyTargets();
    await stage.targetBecomes(id, 'drifted');
    const { body } = await stage.api.get('/replication/summary');
    const entry = body.profiles.find(({ profile }: { profile: string }) => profile === target.profile);
    expect(entry.statuses.drifted).toBeGreaterThanOrEqual(1);
    expect(body.totals.drifted).toBeGreaterThanOrEqual(entry.statuses.drifted);
    expect(body.isPaused).toBe(false);
  });

  it('is written only when it differs', async () => {
    const { stage, target } = scene;
    const { id, name } = await synced();
    const before = await target.countVersions(name);
    await stage.verifyTargets();
    await stage.api.post(`/secrets/${id}/targets/${target.profile}/sync`);
    await eventually(async () => expect((await stage.targets(id))[0]).toMatchObject({ verifiedHow: 'value' }));
    await stage.inSync(id);
    expect(await target.countVersions(name)).toBe(before);
  });

  it('can be synced only where the secret is replicated to', async () => {
    const { stage, source } = scene;
    const { id } = await synced();
    for (const profile of [source.profile, 'nowhere'])
      expect(await stage.api.post(`/secrets/${id}/targets/${profile}/sync`)).toMatchObject({
        status: 404,
        body: { code: 'TARGET_NOT_FOUND' },
      });
  });
});

describeScenes('a disabled secret', (scene) => {
  it('is neither read, written nor replicated until it is enabled again', async () => {
    const { stage, source, target } = scene;
    const { id, name } = await stage.secret({ name: unique('disabled'), source, targets: [target] });
    await stage.inSync(id);
    expect(await stage.api.post(`/secrets/${id}/disable`, { reason: 'leaked' })).toMatchObject({
      status: 200,
      body: { secret: { isDisabled: true, state: 'active' } },
    });
    const refusal = { status: 409, body: { code: 'SECRET_DISABLED' } };
    expect(await stage.api.get(`/secrets/${id}/content`)).toMatchObject(refusal);
    expect(await stage.api.get(`/secrets/${id}/content?version=1`)).toMatchObject(refusal);
    const write = { content: { value: 'two' } };
    expect(await stage.api.put(`/secrets/${id}/content`, write, { ifMatch: '*' })).toMatchObject(refusal);
    expect(await stage.api.post(`/secrets/${id}/rotate`, { generate: {} })).toMatchObject(refusal);
    expect(await stage.api.post(`/secrets/${id}/versions/1/restore`)).toMatchObject(refusal);
    expect(await stage.api.post(`/secrets/${id}/versions/1/destroy`)).toMatchObject(refusal);
    expect(await source.read(name)).toEqual({ value: 'one' });
    await target.remove(name);
    await stage.api.post(`/secrets/${id}/targets/${target.profile}/sync`);
    expect(await target.read(name)).toBeUndefined();
    expect(
      (await stage.api.patch(`/secrets/${id}`, { description: 'being cleaned up' }, { ifMatch: '*' })).status,
    ).toBe(200);
    expect(await stage.api.post(`/secrets/${id}/enable`)).toMatchObject({
      status: 200,
      body: { secret: { isDisabled: false } },
    });
    await stage.inSync(id);
    await eventually(async () => expect(await target.read(name)).toEqual({ value: 'one' }));
    expect(await stage.write(id, { value: 'two' })).toBe(2);
  });

  it('can be deleted, and is then gone everywhere', async () => {
    const { stage, source, target } = scene;
    const { id, name } = await stage.secret({ name: unique('disabled'), source, targets: [target] });
    await stage.inSync(id);
    await stage.api.post(`/secrets/${id}/disable`);
    await stage.api.delete(`/secrets/${id}`, { ifMatch: '*' });
    await stage.becomes(id, 'deleted');
    expect(await source.read(name)).toBeUndefined();
    expect(await target.read(name)).toBeUndefined();
  });
});

describeScenes('a disabled profile', (scene) => {
  it('takes no new secrets and no writes, and says so by name', async () => {
    const { stage, source } = scene;
    const profile = await stage.vault(source.kind, unique('resting'));
    const { id } = await stage.secret({ source: profile });
    const change = await stage.api.patch(`/vault-profiles/${profile.profile}`, { isEnabled: false }, { ifMatch: '*' });
    expect(change.status).toBe(200);
    const refusal = { status: 409, body: { code: 'VAULT_PROFILE_DISABLED', details: { profile: profile.profile } } };
    const body = { name: unique('new'), type: 'key-value', content: { a: 'b' }, sourceProfile: profile.profile };
    expect(await stage.api.post('/secrets', body)).toMatchObject(refusal);
    const write = stage.api.put(`/secrets/${id}/content`, { content: { value: 'two' } }, { ifMatch: '*' });
    expect(await write).toMatchObject(refusal);
    expect(await stage.api.get(`/secrets/${id}/content`)).toMatchObject(refusal);
  });
});
