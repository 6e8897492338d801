import { ABANDON_CHANGES, RECOVER_CHANGES } from '@claviger/features/changes';
import { eventually, type JsonBody } from '@claviger/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { answerAll, loseAnswers, passOn, startFront, type Front, type FrontRule } from '../peers/kv-front.js';
import { hasOpenBao, Stage, unique, type StageVault } from './stage.js';

jest.setTimeout(60_000);

(hasOpenBao ? describe : describe.skip)('a change while its vault is away', () => {
  let stage: Stage;
  let front: Front;
  let source: StageVault;

  beforeAll(async () => {
    stage = await Stage.open();
    front = await startFront(stage.bao!.address);
    const credentials = { type: 'token', token: stage.bao!.rootToken };
    await stage.register('vault-instances', {
      name: 'shaky',
      kind: 'kv',
      config: { address: front.address },
      credentials,
    });
    const mount = await stage.vault('kv2');
    const profile = unique('shaky');
    await stage.register('vault-profiles', { name: profile, instance: 'shaky', mount: mount.profile });
    source = Object.assign(mount, { profile });
  });
  afterEach(() => {
    front.rule = passOn;
  });
  afterAll(async () => {
    await front?.close();
    await stage?.close();
  });

  /** Reading goes on, and writing meets this from now on. */
  function onWrites(rule: FrontRule): void {
    front.rule = (request, response) => (['GET', 'LIST'].includes(request.method) ? passOn : rule)(request, response);
  }

  /** Refuses every write from now on, before the vault sees it. */
  const refuseWrites = (): void => onWrites(answerAll(403, '{"errors":["permission denied"]}'));

  const change = async (id: string): Promise<JsonBody> => (await stage.api.get(`/changes/${id}`)).body;

  it('fails with its id, keeps what it was to write, and succeeds when it is tried again', async () => {
    const { id, name } = await stage.secret({ name: unique('retried'), source });
    refuseWrites();
    const failed = await stage.api.put(`/secrets/${id}/content`, { content: { value: 'two' } }, { ifMatch: 1 });
    expect(failed).toMatchObject({ status: 503, body: { code: 'VAULT_PERMISSION_DENIED' } });
    const { changeId } = failed.body.details;
    expect(await change(changeId)).toMatchObject({
      state: 'failed',
      kind: 'secret.content',
      subject: `${source.profile}/${name}`,
      attempts: 1,
      error: { code: 'VAULT_PERMISSION_DENIED' },
      endedAt: null,
    });
    expect(await stage.show(id)).toMatchObject({ currentVersion: 1, state: 'active' });
    expect(await stage.api.post(`/changes/${changeId}/retry`)).toMatchObject({ status: 503 });
    expect(await change(changeId)).toMatchObject({ state: 'failed', attempts: 2 });
    front.rule = passOn;
    expect(await stage.api.post(`/changes/${changeId}/retry`)).toMatchObject({
      status: 200,
      body: { state: 'done', attempts: 3, error: null, result: { version: 2 } },
    });
    expect(await source.read(name)).toEqual({ value: 'two' });
    expect(await stage.content(id)).toEqual({ value: 'two' });
    expect(await stage.api.post(`/changes/${changeId}/retry`)).toMatchObject({
      status: 409,
      body: { code: 'CHANGE_NOT_IN_STATE', details: { state: 'done' } },
    });
  });

  it('that is a creation leaves no trace until it is tried again', async () => {
    const name = unique('created');
    const body = { name, type: 'key-value', content: { value: 'one' }, sourceProfile: source.profile };
    await stage.secret({ source }); // the capabilities are known by then
    refuseWrites();
    const failed = await stage.api.post('/secrets', body);
    expect(failed.status).toBe(503);
    const { changeId } = failed.body.details;
    expect((await stage.api.get(`/secrets?profile=${source.profile}&namePrefix=${name}`)).body.items).toEqual([]);
    front.rule = passOn;
    expect(await stage.api.post(`/changes/${changeId}/retry`)).toMatchObject({ status: 200, body: { state: 'done' } });
    const { secretId } = await change(changeId);
    expect(await stage.content(secretId)).toEqual({ value: 'one' });
  });

  it('does not stand in the way of another one, and is stale after it', async () => {
    const { id } = await stage.secret({ source });
    refuseWrites();
    const failed = await stage.api.put(`/secrets/${id}/content`, { content: { value: 'two' } }, { ifMatch: 1 });
    front.rule = passOn;
    expect(await stage.write(id, { value: 'three' })).toBe(2);
    const retried = await stage.api.post(`/changes/${failed.body.details.changeId}/retry`);
    expect(retried).toMatchObject({ status: 412 });
    expect(await stage.content(id)).toEqual({ value: 'three' });
  });

  it('can be cancelled, and its payload is gone then', async () => {
    const { id } = await stage.secret({ source });
    refuseWrites();
    const failed = await stage.api.put(`/secrets/${id}/content`, { content: { value: 'two' } }, { ifMatch: '*' });
    const { changeId } = failed.body.details;
    expect(await payloads(changeId)).toEqual([true]);
    const cancelled = await stage.api.post(`/changes/${changeId}/cancel`);
    expect(cancelled).toMatchObject({ status: 200, body: { state: 'cancelled' } });
    expect(cancelled.body.endedAt).not.toBeNull();
    expect(await payloads(changeId)).toEqual([false]);
    for (const act of ['retry', 'cancel'])
      expect(await stage.api.post(`/changes/${changeId}/${act}`)).toMatchObject({
        status: 409,
        body: { code: 'CHANGE_NOT_IN_STATE' },
      });
  });

  it('is given up a day after it failed, and its payload is gone then', async () => {
    const { id } = await stage.secret({ source });
    refuseWrites();
    const failed = await stage.api.put(`/secrets/${id}/content`, { content: { value: 'two' } }, { ifMatch: '*' });
    const { changeId } = failed.body.details;
    const age = `update change set updated_at = now() - interval '25 hours' where id = $1`;
    await stage.app.database.dataSource.query(age, [changeId]);
    stage.app.runJob(ABANDON_CHANGES);
    await eventually(async () => expect(await change(changeId)).toMatchObject({ state: 'abandoned' }));
    expect(await payloads(changeId)).toEqual([false]);
    expect((await stage.api.post(`/changes/${changeId}/retry`)).status).toBe(409);
  });

  it('whose outcome nobody knows is answered as under way, and is finished without anybody asking', async () => {
    const { id, name } = await stage.secret({ source });
    for (const isApplied of [true, false]) {
      const value = isApplied ? 'applied' : 'lost';
      onWrites(isApplied ? loseAnswers : (_, response) => void response.socket?.destroy());
      const answer = await stage.api.put(`/secrets/${id}/content`, { content: { value } }, { ifMatch: '*' });
      expect(answer).toMatchObject({ status: 202, body: { change: { state: 'executing' } } });
      front.rule = passOn;
      const { id: changeId } = answer.body.change;
      expect((await stage.api.post(`/changes/${changeId}/cancel`)).status).toBe(409);
      await stage.app.database.dataSource.query(`update change set lease_until = now() where id = $1`, [changeId]);
      stage.app.runJob(RECOVER_CHANGES);
      await eventually(async () => expect(await change(changeId)).toMatchObject({ state: 'done' }));
      expect(await source.read(name)).toEqual({ value });
      expect(await stage.content(id)).toEqual({ value });
    }
    expect(await source.countVersions(name)).toBe(3);
    expect((await stage.show(id)).currentVersion).toBe(3);
  });

  it('is listed, and shown to who made it and who may', async () => {
    const caller = await stage.allowed({
      [`claviger/secrets/${source.profile}/*`]: ['read'],
      [`${source.profile}/data/*`]: ['update'],
    });
    const { id } = await stage.secret({ source });
    refuseWrites();
    const failed = await caller.put(`/secrets/${id}/content`, { content: { value: 'x' } }, { ifMatch: '*' });
    front.rule = passOn;
    const { changeId } = failed.body.details;
    expect((await stage.api.get(`/changes?secret=${id}&state=failed`)).body.items).toMatchObject([{ id: changeId }]);
    expect((await stage.api.get(`/changes?secret=${id}&kind=secret.create`)).body.items).toHaveLength(1);
    expect((await caller.get(`/changes/${changeId}`)).status).toBe(200);
    expect((await caller.get('/changes')).status).toBe(403);
    const stranger = await stage.tokenWith('developer');
    const own = (await stranger.get(`/changes/${changeId}`)).body;
    const never = (await stranger.get('/changes/0199aa00-0000-7000-8000-000000000001')).body;
    expect({ ...own, requestId: '' }).toEqual({ ...never, requestId: '' });
    for (const act of ['retry', 'cancel'])
      expect((await stranger.post(`/changes/${changeId}/${act}`)).status).toBe(404);
    const approver = await stage.tokenWith('approver');
    expect((await approver.get(`/changes/${changeId}`)).status).toBe(200);
    expect((await approver.post(`/changes/${changeId}/retry`)).status).toBe(403);
    expect((await caller.post(`/changes/${changeId}/retry`)).body).toMatchObject({ state: 'done' });
  });

  const payloads = async (id: string): Promise<boolean[]> =>
    (
      (await stage.app.database.dataSource.query('select payload is not null as kept from change where id = $1', [
        id,
      ])) as { kept: boolean }[]
    ).map(({ kept }) => kept);
});
