import type { JsonBody } from '@claviger/testing';
import { expect, it, jest } from '@jest/globals';
import { describeScenes } from './scenes.js';
import { unique } from './stage.js';

jest.setTimeout(60_000);

describeScenes('values that nobody sees', (scene) => {
  it.each([
    ['basic-auth', { username: 'app', length: 24, alphabet: { characters: 'abcdef' } }],
    ['api-key', { length: 40 }],
    ['private-key', { keyType: 'ec-p256' }],
    ['secret-key', { bits: 256 }],
  ])('are generated for %s, and again at every rotation', async (type, generate) => {
    const { stage, source, target } = scene;
    const name = unique(type);
    const created = await stage.api.post('/secrets', {
      name,
      type,
      generate,
      sourceProfile: source.profile,
      syncProfiles: [target.profile],
    });
    expect(created.status).toBe(201);
    const { id } = created.body.secret;
    const first = await stage.content(id);
    const rotated = await stage.api.post(`/secrets/${id}/rotate`, { generate, reason: 'due' });
    expect(rotated).toMatchObject({ status: 200, body: { version: 2 } });
    const second = await stage.content(id);
    expect(second).not.toEqual(first);
    expect(await stage.content(id, 1)).toEqual(first);
    await stage.inSync(id);
    expect(await target.read(name)).toEqual(second);
    const values = [...Object.values(first), ...Object.values(second)].filter((value) => value !== 'app') as string[];
    for (const { text } of [created, rotated])
      for (const value of values) expect(text).not.toContain(JSON.stringify(value).slice(1, -1));
  });

  it('are not made for what nobody could generate', async () => {
    const { stage, source } = scene;
    const body = { name: unique('jwt'), type: 'jwt', generate: {}, sourceProfile: source.profile };
    expect((await stage.api.post('/secrets', body)).status).toBe(400);
    const both = { ...body, type: 'api-key', content: { key: 'x' } };
    expect(await stage.api.post('/secrets', both)).toMatchObject({
      status: 400,
      body: { code: 'CONTENT_OR_GENERATE' },
    });
    const { generate: _, ...neither } = { ...body, type: 'api-key' };
    expect(await stage.api.post('/secrets', neither)).toMatchObject({
      status: 400,
      body: { code: 'CONTENT_OR_GENERATE' },
    });
  });

  it('start the rotation interval anew', async () => {
    const { stage, source } = scene;
    const { id, rotation } = await stage.secret({
      source,
      type: 'api-key',
      generate: {},
      rotationIntervalSeconds: 3_600,
    });
    expect(new Date(rotation.dueAt).getTime() - new Date(rotation.rotatedAt).getTime()).toBe(3_600_000);
    expect(rotation.isOverdue).toBe(false);
    await stage.api.post(`/secrets/${id}/rotate`, { generate: {} });
    const later = (await stage.show(id)).rotation;
    expect(new Date(later.rotatedAt).getTime()).toBeGreaterThan(new Date(rotation.rotatedAt).getTime());
    expect(new Date(later.dueAt).getTime() - new Date(later.rotatedAt).getTime()).toBe(3_600_000);
    const patched = await stage.api.patch(`/secrets/${id}`, { rotationIntervalSeconds: null }, { ifMatch: '*' });
    expect(patched.body.secret.rotation).toMatchObject({ intervalSeconds: null, dueAt: null });
  });
});

describeScenes('equal content', (scene) => {
  const content = { number: 1.0, text: 'a', list: [1, 2] };

  it('makes no version anywhere, and says so, when it comes from a reader', async () => {
    const { stage, source, target } = scene;
    const { id, name } = await stage.secret({ name: unique('equal'), source, targets: [target], content });
    await stage.inSync(id);
    const before = [await source.countVersions(name), await target.countVersions(name)];
    const spelled = `{"content":{"list":[1,2e0],"text":"\\u0061","number":10e-1}}`;
    const answer = await stage.api.raw({
      method: 'PUT',
      path: `/api/v1/secrets/${id}/content`,
      headers: { 'content-type': 'application/json', 'if-match': '"1"' },
      body: spelled,
    });
    expect(answer).toMatchObject({ status: 200, etag: '1', body: { unchanged: true, version: 1 } });
    expect(await stage.api.post(`/secrets/${id}/versions/1/restore`)).toMatchObject({ body: { unchanged: true } });
    const { revision, currentVersion } = await stage.show(id);
    expect({ revision, currentVersion }).toEqual({ revision: 1, currentVersion: 1 });
    expect([await source.countVersions(name), await target.countVersions(name)]).toEqual(before);
  });

  it('makes a version when it comes from somebody who may only write', async () => {
    const { stage, source } = scene;
    const { id } = await stage.secret({ name: unique('equal'), source, content });
    const writer = await stage.allowed({
      [`${source.profile}/data/*`]: ['update'],
      [`claviger/secrets/${source.profile}/*`]: ['read'],
    });
    const answer = await writer.put(`/secrets/${id}/content`, { content }, { ifMatch: '*' });
    expect(answer).toMatchObject({ status: 200, body: { version: 2 } });
    expect(answer.body.unchanged).toBeUndefined();
    const plan = await writer.put(`/secrets/${id}/content?dryRun=true`, { content }, { ifMatch: '*' });
    expect(plan.body.plan).toMatchObject([{ action: 'update' }]);
  });

  it('does make a version once the current one is deleted', async () => {
    const { stage, source } = scene;
    const { id } = await stage.secret({ name: unique('equal'), source, content });
    if ((await stage.api.delete(`/secrets/${id}/versions/1`, { ifMatch: '*' })).status !== 200) return;
    expect(await stage.write(id, content)).toBe(2);
    expect(await stage.content(id)).toEqual(content);
  });
});

describeScenes('what would happen', (scene) => {
  const plan = (answer: JsonBody): Record<string, string> => {
    expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 200 });
    expect(answer.body.secret ?? answer.body.change ?? answer.body.version).toBeUndefined();
    const steps = answer.body.plan as { profile: string; action: string }[];
    return Object.fromEntries(steps.map(({ profile, action }) => [profile, action]));
  };

  it('is told for creating, and nothing is done', async () => {
    const { stage, source, target } = scene;
    const name = unique('plan');
    const body = {
      name,
      type: 'key-value',
      content: { value: 'one' },
      sourceProfile: source.profile,
      syncProfiles: [target.profile],
    };
    const dry = async (more: object = {}): Promise<Record<string, string>> =>
      plan(await stage.api.post('/secrets?dryRun=true', { ...body, ...more }));
    expect(await dry()).toEqual({ [source.profile]: 'create', [target.profile]: 'create' });
    expect(await source.read(name)).toBeUndefined();
    await target.write(name, { value: 'one' });
    expect(await dry()).toMatchObject({ [target.profile]: 'conflict' });
    expect(await dry({ onConflict: 'adopt-if-equal' })).toMatchObject({ [target.profile]: 'adopt' });
    expect(await dry({ onConflict: 'overwrite' })).toMatchObject({ [target.profile]: 'update' });
    await target.write(name, { value: 'two' });
    expect(await dry({ onConflict: 'adopt-if-equal' })).toMatchObject({ [target.profile]: 'conflict' });
    await target.remove(name);
    expect((await stage.api.get(`/secrets?profile=${source.profile}&namePrefix=${name}`)).body.items).toEqual([]);
    expect((await stage.api.post('/secrets', body)).status).toBe(201);
    const again = await stage.api.post('/secrets?dryRun=true', body);
    expect(again).toMatchObject({ status: 409, body: { code: 'SECRET_EXISTS' } });
  });

  it('is told for updating, and nothing is done', async () => {
    const { stage, source, target } = scene;
    const { id, name } = await stage.secret({ name: unique('plan'), source, targets: [target] });
    await stage.inSync(id);
    const dry = async (value: string): Promise<Record<string, string>> =>
      plan(await stage.api.put(`/secrets/${id}/content?dryRun=true`, { content: { value } }, { ifMatch: 1 }));
    expect(await dry('two')).toEqual({ [source.profile]: 'update', [target.profile]: 'update' });
    expect(await dry('one')).toEqual({ [source.profile]: 'no-op', [target.profile]: 'no-op' });
    await target.write(name, { value: 'two' });
    expect(await dry('two')).toEqual({ [source.profile]: 'update', [target.profile]: 'no-op' });
    expect(await stage.show(id)).toMatchObject({ revision: 1, currentVersion: 1 });
    expect(await source.read(name)).toEqual({ value: 'one' });
    const patched = await stage.api.patch(`/secrets/${id}?dryRun=true`, { description: 'x' }, { ifMatch: 1 });
    expect(patched).toMatchObject({ status: 200, body: { plan: [] } });
    expect(await stage.show(id)).toMatchObject({ revision: 1, description: '' });
    const stale = await stage.api.put(`/secrets/${id}/content?dryRun=true`, { content: { a: 'b' } }, { ifMatch: 7 });
    expect(stale).toMatchObject({ status: 412, body: { code: 'STALE_MATCH' } });
  });

  it('is told for deleting, and nothing is done', async () => {
    const { stage, source, target } = scene;
    const { id, name } = await stage.secret({ name: unique('plan'), source, targets: [target] });
    await stage.inSync(id);
    const dry = async (query = ''): Promise<Record<string, string>> =>
      plan(await stage.api.delete(`/secrets/${id}?dryRun=true${query}`, { ifMatch: 1 }));
    expect(await dry()).toEqual({ [source.profile]: 'delete', [target.profile]: 'delete' });
    expect(await dry('&retain=true')).toEqual({ [source.profile]: 'retain', [target.profile]: 'retain' });
    await target.remove(name);
    expect(await dry()).toEqual({ [source.profile]: 'delete', [target.profile]: 'no-op' });
    expect(await stage.show(id)).toMatchObject({ state: 'active', revision: 1 });
    expect(await source.read(name)).toEqual({ value: 'one' });
  });

  it('is told for deleting as leaving alone what is not ours', async () => {
    const { stage, source, target } = scene;
    const name = unique('plan-foreign');
    await target.write(name, { value: 'theirs' });
    const { id } = await stage.secret({ name, source, targets: [target], onConflict: 'adopt-if-equal' });
    await stage.targetBecomes(id, 'foreign');
    const answer = await stage.api.delete(`/secrets/${id}?dryRun=true`, { ifMatch: '*' });
    expect(plan(answer)).toEqual({ [source.profile]: 'delete', [target.profile]: 'conflict' });
    await stage.api.delete(`/secrets/${id}`, { ifMatch: '*' });
    await stage.becomes(id, 'deleted');
    expect(await target.read(name)).toEqual({ value: 'theirs' });
  });

  it('is refused to whoever may not do it', async () => {
    const { stage, source } = scene;
    const { id } = await stage.secret({ source });
    const reader = await stage.allowed({ [`claviger/secrets/${source.profile}/*`]: ['read'] });
    const content = { value: 'one' };
    const body = { name: unique('plan'), type: 'key-value', content, sourceProfile: source.profile };
    expect((await reader.post('/secrets?dryRun=true', body)).status).toBe(403);
    const options = { ifMatch: '*' };
    expect((await reader.put(`/secrets/${id}/content?dryRun=true`, { content }, options)).status).toBe(403);
    expect((await reader.delete(`/secrets/${id}?dryRun=true`, options)).status).toBe(403);
    expect((await reader.patch(`/secrets/${id}?dryRun=true`, { description: 'mine' }, options)).status).toBe(403);
  });
});

describeScenes('the state of a secret that a caller saw', (scene) => {
  it('is what If-Match binds a change to', async () => {
    const { stage, source } = scene;
    const { id } = await stage.secret({ source });
    expect(await stage.api.get(`/secrets/${id}`)).toMatchObject({ etag: '1' });
    expect(await stage.api.get(`/secrets/${id}/content`)).toMatchObject({ etag: '1' });
    const content = { value: 'two' };
    for (const send of [
      (options: object) => stage.api.put(`/secrets/${id}/content`, { content }, options),
      (options: object) => stage.api.patch(`/secrets/${id}`, { description: 'mine' }, options),
      (options: object) => stage.api.delete(`/secrets/${id}`, options),
      (options: object) => stage.api.delete(`/secrets/${id}/versions/1`, options),
    ]) {
      expect(await send({})).toMatchObject({ status: 428, body: { code: 'IF_MATCH_REQUIRED' } });
      expect(await send({ ifMatch: 9 })).toMatchObject({ status: 412, body: { code: 'STALE_MATCH' } });
      for (const wrong of ['1', 'W/"1"', '"1", "2"', '""', '"-1"', '"99999999999999999999"', ''])
        expect(await send({ headers: { 'if-match': wrong } })).toMatchObject({ status: 400 });
    }
    expect(await stage.show(id)).toMatchObject({ revision: 1, currentVersion: 1, state: 'active' });

    const edited = await stage.api.patch(`/secrets/${id}`, { description: 'mine' }, { ifMatch: 1 });
    expect(edited).toMatchObject({ status: 200, etag: '2', body: { secret: { description: 'mine', revision: 2 } } });
    // An edit of the record is no new content: the content's ETag is still its version.
    const written = await stage.api.put(`/secrets/${id}/content`, { content }, { ifMatch: 1 });
    expect(written).toMatchObject({ status: 200, etag: '2', body: { version: 2 } });
    expect(await stage.api.get(`/secrets/${id}`)).toMatchObject({ etag: '3' });
    expect((await stage.api.delete(`/secrets/${id}`, { ifMatch: 2 })).status).toBe(412);
    expect((await stage.api.delete(`/secrets/${id}`, { ifMatch: 3 })).status).toBe(200);
  });

  it('is not changed by replication, verification or reading', async () => {
    const { stage, source, target } = scene;
    const { id } = await stage.secret({ source, targets: [target] });
    await stage.inSync(id);
    await stage.content(id);
    expect(await stage.api.get(`/secrets/${id}`)).toMatchObject({ etag: '1' });
  });

  it('lets one of many writers through who saw the same', async () => {
    const { stage, source } = scene;
    const { id } = await stage.secret({ source });
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        stage.api.put(`/secrets/${id}/content`, { content: { value: `${i}` } }, { ifMatch: 1 }),
      ),
    );
    const statuses = answers.map(({ status }) => status).sort((a, b) => a - b);
    expect(statuses).toEqual([200, 412, 412, 412, 412, 412, 412, 412]);
    expect((await stage.show(id)).currentVersion).toBe(2);
  });

  it('gives every one of many unbound writers a version of their own', async () => {
    const { stage, source, target } = scene;
    const { id, name } = await stage.secret({ name: unique('race'), source, targets: [target] });
    const versions = await Promise.all(Array.from({ length: 8 }, (_, i) => stage.write(id, { value: `w${i}` })));
    expect(versions.sort((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    await stage.inSync(id);
    expect(await target.read(name)).toEqual(await stage.content(id));
    const { body } = await stage.api.get(`/secrets/${id}/versions`);
    expect(body.items.map(({ number }: { number: number }) => number)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
  });
});
