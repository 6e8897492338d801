import type { JsonBody } from '@claviger/testing';
import { expect, it } from '@jest/globals';
import type { Scene } from './scenes.js';
import { unique } from './stage.js';

/** The source of a secret changes places with a vault that is to have it. */
export function tellSourceChangeStory(scene: Scene): void {
  it('changes places with a sync profile, without a read that fails', async () => {
    const { stage, source, target } = scene;
    const name = unique('moved');
    const { id, revision } = await stage.secret({ name, source });
    const move = (body: object, ifMatch: number | '*', query = ''): Promise<JsonBody> =>
      stage.api.put(`/secrets/${id}/source-profile${query}`, body, { ifMatch });
    const there = { profile: target.profile, reason: 'we move' };
    expect(await move(there, 99)).toMatchObject({ status: 412, body: { code: 'STALE_MATCH' } });
    expect((await move(there, revision, '?dryRun=true')).body.plan).toMatchObject([
      { profile: target.profile, role: 'source', action: 'create' },
      { profile: source.profile, role: 'target', action: 'retain' },
    ]);
    let isOver = false;
    const reading = (async () => {
      while (!isOver) expect(await stage.content(id)).toEqual({ value: 'one' });
    })();
    const moved = await move(there, revision);
    isOver = true;
    await reading;
    expect(moved).toMatchObject({
      status: 200,
      body: { secret: { sourceProfile: target.profile, currentVersion: 1, drift: null }, change: { state: 'done' } },
    });
    expect((await move(there, '*')).body).toMatchObject({ secret: { sourceProfile: target.profile } });
    await stage.inSync(id);
    expect(await stage.targets(id)).toMatchObject([{ profile: source.profile, status: 'in_sync' }]);
    expect(await stage.write(id, { value: 'two' })).toBe(2);
    expect(await target.read(name)).toEqual({ value: 'two' });
    await stage.inSync(id);
    expect(await source.read(name)).toEqual({ value: 'two' });
    expect(await stage.content(id, 1)).toEqual({ value: 'one' });
    expect((await stage.api.delete(`/secrets/${id}`, { ifMatch: '*' })).status).toBe(200);
    await stage.becomes(id, 'deleted');
    for (const vault of [source, target]) expect(await vault.read(name)).toBeUndefined();
  });
}
