import { eventually, type JsonBody } from '@claviger/testing';
import { expect, it, jest } from '@jest/globals';
import { describeScenes } from './scenes.js';
import { tellSourceChangeStory } from './source-change-story.js';
import { unique } from './stage.js';

jest.setTimeout(60_000);

describeScenes('sync profiles of a secret', (scene) => {
  const add = (id: string, more: object = {}): Promise<JsonBody> =>
    scene.stage.api.post(`/secrets/${id}/sync-profiles`, { profile: scene.target.profile, ...more });

  it('are added later, and bring the copy to its place', async () => {
    const { stage, source, target } = scene;
    const name = unique('added');
    const { id, revision } = await stage.secret({ name, source });
    expect(await add(id)).toMatchObject({ status: 200, body: { change: { state: 'done' } } });
    await stage.inSync(id);
    expect(await target.read(name)).toEqual({ value: 'one' });
    const shown = await stage.show(id);
    expect(shown.revision).toBe(revision + 1);
    expect(shown.replication).toEqual({ in_sync: 1 });
    expect(await add(id)).toMatchObject({ status: 409, body: { code: 'TARGET_EXISTS' } });
    expect(await stage.targets(id)).toHaveLength(1);
    // Neither the secret nor its place was harmed by the refusal.
    expect(await stage.write(id, { value: 'two' })).toBe(2);
    await stage.inSync(id);
    const intruder = await stage.api.post('/secrets', {
      name,
      type: 'key-value',
      content: { value: 'intruder' },
      sourceProfile: target.profile,
    });
    expect(intruder).toMatchObject({ status: 409, body: { code: 'PLACE_TAKEN' } });
  });

  it('leave the copy behind when they are removed', async () => {
    const { stage, source, target } = scene;
    const name = unique('left');
    const { id } = await stage.secret({ name, source, targets: [target] });
    await stage.inSync(id);
    const removed = await stage.api.delete(`/secrets/${id}/sync-profiles/${target.profile}`);
    expect(removed.status).toBe(200);
    expect(await stage.targets(id)).toEqual([]);
    await stage.write(id, { value: 'two' });
    expect(await target.read(name)).toEqual({ value: 'one' });
  });

  it('take the copy away when they are removed with purge', async () => {
    const { stage, source, target } = scene;
    const name = unique('purged');
    const { id } = await stage.secret({ name, source, targets: [target] });
    await stage.inSync(id);
    expect((await stage.api.delete(`/secrets/${id}/sync-profiles/${target.profile}?purge=true`)).status).toBe(200);
    await eventually(async () => expect(await target.read(name)).toBeUndefined());
    await eventually(async () => expect(await stage.targets(id)).toEqual([]));
    expect(await source.read(name)).toEqual({ value: 'one' });
    expect(await stage.show(id)).toMatchObject({ state: 'active' });
    // The place is free again, for anybody.
    expect(await add(id)).toMatchObject({ status: 200 });
    await stage.inSync(id);
  });

  it('cannot be the source, unknown, or removed twice', async () => {
    const { stage, source } = scene;
    const { id } = await stage.secret({ source });
    expect(await add(id, { profile: source.profile })).toMatchObject({
      status: 400,
      body: { code: 'SYNC_PROFILE_IS_SOURCE' },
    });
    expect(await add(id, { profile: 'nowhere' })).toMatchObject({
      status: 400,
      body: { code: 'VAULT_PROFILE_UNKNOWN', details: { profile: 'nowhere' } },
    });
    for (const profile of [scene.target.profile, 'nowhere'])
      expect(await stage.api.delete(`/secrets/${id}/sync-profiles/${profile}`)).toMatchObject({
        status: 404,
        body: { code: 'TARGET_NOT_FOUND' },
      });
  });

  it('need to read the content and to create it at the target', async () => {
    const { stage, source, target } = scene;
    const name = unique('guarded');
    const { id } = await stage.secret({ name, source });
    const record = { [`claviger/secrets/${source.profile}/*`]: ['read', 'update'] };
    const reader = { [`${source.profile}/data/*`]: ['read'] };
    const writer = { [`${target.profile}/data/*`]: ['create'] };
    const body = { profile: target.profile };
    for (const path of [record, { ...record, ...reader }, { ...record, ...writer }]) {
      const caller = await stage.allowed(path);
      expect((await caller.post(`/secrets/${id}/sync-profiles`, body)).status).toBe(403);
    }
    expect(await stage.targets(id)).toEqual([]);
    const allowed = await stage.allowed({ ...record, ...reader, ...writer });
    expect((await allowed.post(`/secrets/${id}/sync-profiles`, body)).status).toBe(200);
    const refused = await allowed.delete(`/secrets/${id}/sync-profiles/${target.profile}?purge=true`);
    expect(refused.status).toBe(403);
    expect((await allowed.delete(`/secrets/${id}/sync-profiles/${target.profile}`)).status).toBe(200);
  });
});

describeScenes('the source of a secret', tellSourceChangeStory);

describeScenes('a place that already holds something', (scene) => {
  const foreign = { value: 'foreign' };

  it('is refused by name when a secret is created, at the source and at the target', async () => {
    const { stage, source, target } = scene;
    for (const [vault, targets] of [
      [source, []],
      [source, [target]],
      [target, [target]],
    ] as const) {
      const name = unique('occupied');
      await vault.write(name, foreign);
      const body = { name, type: 'key-value', content: { value: 'ours' }, sourceProfile: source.profile };
      const answer = await stage.api.post('/secrets', { ...body, syncProfiles: targets.map(({ profile }) => profile) });
      expect(answer).toMatchObject({
        status: 409,
        body: { code: 'PLACE_OCCUPIED', details: { profile: vault.profile, name } },
      });
      expect(await vault.read(name)).toEqual(foreign);
      const other = vault === source ? target : source;
      expect(await other.read(name)).toBeUndefined();
      const found = await stage.api.get(`/secrets?profile=${source.profile}&namePrefix=${name}`);
      expect(found.body.items).toEqual([]);
      // Nothing holds the place any more: the same works once the foreign content is gone.
      await vault.remove(name);
      expect((await stage.api.post('/secrets', body)).status).toBe(201);
    }
  });

  it('is refused when a sync profile is added', async () => {
    const { stage, source, target } = scene;
    const name = unique('occupied-later');
    const { id } = await stage.secret({ name, source });
    await target.write(name, foreign);
    const answer = await stage.api.post(`/secrets/${id}/sync-profiles`, { profile: target.profile });
    expect(answer).toMatchObject({ status: 409, body: { code: 'PLACE_OCCUPIED' } });
    expect(await stage.targets(id)).toEqual([]);
    expect(await target.read(name)).toEqual(foreign);
  });

  it('is adopted only when it is equal', async () => {
    const { stage, source, target } = scene;
    for (const vault of [source, target]) {
      const [equal, different] = [unique('equal'), unique('different')];
      await vault.write(equal, { b: 2, a: 'x' });
      await vault.write(different, { a: 'y' });
      const before = await vault.countVersions(equal);
      const adopt = { onConflict: 'adopt-if-equal', targets: vault === target ? [target] : [], source };
      const { id } = await stage.secret({ ...adopt, name: equal, content: { a: 'x', b: 2 } });
      await stage.inSync(id);
      expect(await vault.countVersions(equal)).toBe(before);
      const answer = await stage.api.post('/secrets', {
        name: different,
        type: 'key-value',
        content: { a: 'x' },
        sourceProfile: source.profile,
        syncProfiles: adopt.targets.map(({ profile }) => profile),
        onConflict: 'adopt-if-equal',
      });
      if (vault === source) {
        expect(answer).toMatchObject({ status: 409, body: { code: 'PLACE_DIFFERS' } });
      } else {
        expect(answer.status).toBe(201);
        const target = await stage.targetBecomes(answer.body.secret.id, 'foreign');
        expect(target.error).toMatchObject({ code: 'TARGET_DIFFERS_FROM_ADOPTED' });
      }
      expect(await vault.read(different)).toEqual({ a: 'y' });
    }
  });

  it('is overwritten when that is asked for', async () => {
    const { stage, source, target } = scene;
    for (const vault of [source, target]) {
      const name = unique('overwritten');
      await vault.write(name, foreign);
      const targets = vault === target ? [target] : [];
      const { id } = await stage.secret({ name, source, targets, onConflict: 'overwrite', content: { value: 'ours' } });
      await stage.inSync(id);
      expect(await vault.read(name)).toEqual({ value: 'ours' });
      await stage.write(id, { value: 'ours again' });
      await eventually(async () => expect(await vault.read(name)).toEqual({ value: 'ours again' }));
    }
  });

  it('needs a permission of its own for adopting and for overwriting, at each place', async () => {
    const { stage, source, target } = scene;
    const names = [unique('permitted'), unique('permitted')];
    for (const name of names) await target.write(name, { value: 'x' });
    const base = {
      [`claviger/secrets/${source.profile}/*`]: ['create', 'read'],
      [`${source.profile}/data/*`]: ['create'],
      [`${target.profile}/data/*`]: ['create'],
    };
    for (const [index, [onConflict, word]] of [
      ['adopt-if-equal', 'adopt'],
      ['overwrite', 'overwrite'],
    ].entries()) {
      const body = {
        name: names[index],
        type: 'key-value',
        content: { value: 'x' },
        sourceProfile: source.profile,
        syncProfiles: [target.profile],
        onConflict,
      };
      const atSource = { [`claviger/${word}/${source.profile}/*`]: ['update'] };
      const atTarget = { [`claviger/${word}/${target.profile}/*`]: ['update'] };
      for (const path of [base, { ...base, ...atSource }, { ...base, ...atTarget }])
        expect((await (await stage.allowed(path)).post('/secrets', body)).status).toBe(403);
      const caller = await stage.allowed({ ...base, ...atSource, ...atTarget });
      expect((await caller.post('/secrets', body)).status).toBe(201);
    }
  });
});
