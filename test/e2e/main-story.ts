import { eventually } from '@claviger/testing';
import { expect, it } from '@jest/globals';
import type { Scene } from './scenes.js';
import { unique } from './stage.js';

/** What Claviger is for: one secret in two vaults, from its creation to its end. */
export function tellMainStory(scene: Scene): void {
  const first = { username: 'app', password: 'correct horse' };
  const second = { username: 'app', password: 'battery staple' };

  it('is created in one, appears in the other, is updated, restored and deleted everywhere', async () => {
    const { stage, source, target } = scene;
    const name = unique('team/db/main');
    const created = await stage.secret({ name, source, targets: [target], type: 'basic-auth', content: first });
    expect(created).toMatchObject({ name, type: 'basic-auth', state: 'active', currentVersion: 1 });
    expect(await source.read(name)).toEqual(first);
    await stage.inSync(created.id);
    expect(await target.read(name)).toEqual(first);

    expect(await stage.write(created.id, second)).toBe(2);
    expect(await source.read(name)).toEqual(second);
    await eventually(async () => expect(await target.read(name)).toEqual(second));

    expect(await stage.content(created.id)).toEqual(second);
    expect(await stage.content(created.id, 1)).toEqual(first);
    const restored = await stage.api.post(`/secrets/${created.id}/versions/1/restore`);
    expect(restored).toMatchObject({ status: 200, body: { version: 3 } });
    expect(await stage.content(created.id)).toEqual(first);
    await eventually(async () => expect(await target.read(name)).toEqual(first));

    const { body: versions } = await stage.api.get(`/secrets/${created.id}/versions`);
    expect(versions.items).toMatchObject([
      { number: 3, isCurrent: true, profile: source.profile, reason: 'Restored version 1.' },
      { number: 2, isCurrent: false },
      { number: 1, isCurrent: false },
    ]);
    expect(versions.items[0].fingerprint).toBe(versions.items[2].fingerprint);
    expect(versions.items[0].fingerprint).not.toBe(versions.items[1].fingerprint);

    const { revision } = await stage.show(created.id);
    const deleted = await stage.api.delete(`/secrets/${created.id}`, { ifMatch: revision });
    expect(deleted).toMatchObject({ status: 200, body: { change: { state: 'done' } } });
    await stage.becomes(created.id, 'deleted');
    expect(await source.read(name)).toBeUndefined();
    expect(await target.read(name)).toBeUndefined();
    const afterwards = await stage.api.get(`/secrets/${created.id}/versions`);
    expect(afterwards.body.items).toHaveLength(3);
    expect(await stage.api.get(`/secrets/${created.id}/content`)).toMatchObject({
      status: 409,
      body: { code: 'SECRET_NOT_ACTIVE' },
    });
  });

  it('can be created again under the same name after it was deleted', async () => {
    const { stage, source, target } = scene;
    const name = unique('again');
    const old = await stage.secret({ name, source, targets: [target] });
    await stage.inSync(old.id);
    await stage.api.delete(`/secrets/${old.id}`, { ifMatch: '*' });
    await stage.becomes(old.id, 'deleted');
    const fresh = await stage.secret({ name, source, targets: [target], content: { value: 'anew' } });
    expect(fresh.id).not.toBe(old.id);
    await stage.inSync(fresh.id);
    expect(await target.read(name)).toEqual({ value: 'anew' });
  });

  it('is found by its name, and only there', async () => {
    const { stage, source } = scene;
    const name = unique('by/name');
    const { id } = await stage.secret({ name, source });
    const found = await stage.api.get(`/secrets?profile=${source.profile}&name=${encodeURIComponent(name)}`);
    expect(found).toMatchObject({ status: 200, body: { items: [{ id }], nextCursor: null } });
  });

  it('is forgotten and left in the vaults when it is deleted with retain', async () => {
    const { stage, source, target } = scene;
    const name = unique('kept');
    const { id } = await stage.secret({ name, source, targets: [target] });
    await stage.inSync(id);
    expect((await stage.api.delete(`/secrets/${id}?retain=true`, { ifMatch: '*' })).status).toBe(200);
    expect(await stage.show(id)).toMatchObject({ state: 'deleted' });
    expect(await source.read(name)).toEqual({ value: 'one' });
    expect(await target.read(name)).toEqual({ value: 'one' });
  });

  it('keeps exact numbers and odd names from end to end, as far as both vaults can', async () => {
    const { stage, source, target } = scene;
    const name = unique('odd/a b%c#d?e="f" ünïcode/sys/health');
    const content = { whole: 9007199254740991, decimal: 0.1, empty: '', nested: { list: [1, null, true] } };
    const { id } = await stage.secret({ name, source, targets: [target], content });
    await stage.inSync(id);
    expect(await stage.content(id)).toEqual(content);
    expect(await target.read(name)).toEqual(content);
    expect(await stage.api.get(`/secrets?profile=${source.profile}&name=${encodeURIComponent(name)}`)).toMatchObject({
      body: { items: [{ id, physicalName: name }] },
    });
  });
}
