import { VERIFY_SOURCES } from '@claviger/features/secrets';
import { eventually, type JsonBody } from '@claviger/testing';
import { expect, it, jest } from '@jest/globals';
import { describeScenes, OUTSIDE_SOURCES, type Scene } from './scenes.js';
import { unique } from './stage.js';

jest.setTimeout(60_000);

/** Makes the scheduled verification of sources due, for all secrets, and has it run. */
async function verifySources({ stage }: Scene): Promise<void> {
  await stage.app.database.dataSource.query(
    `update secret set next_verify_at = now() where next_verify_at is not null`,
  );
  stage.app.runJob(VERIFY_SOURCES);
}

describeScenes(
  'a source that somebody changed',
  (scene) => {
    const ours = { value: 'ours' };
    const theirs = { value: 'theirs' };

    /** A replicated secret whose source was changed past Claviger. */
    async function drifted(): Promise<JsonBody> {
      const { stage, source, target } = scene;
      const name = unique('drifted');
      const secret = await stage.secret({ name, source, targets: [target], content: ours });
      await stage.inSync(secret.id);
      await source.write(name, theirs);
      return secret;
    }

    const drift = async (id: string): Promise<JsonBody> => (await scene.stage.show(id)).drift;

    it('is told on read, never answered in place of the recorded version, and never copied on', async () => {
      const { stage, source, target } = scene;
      const { id, name } = await drifted();
      const answer = await stage.api.get(`/secrets/${id}/content`);
      if (source.kind === 'kv2') expect(answer).toMatchObject({ status: 200, body: { version: 1, content: ours } });
      else expect(answer).toMatchObject({ status: 409, body: { code: 'SOURCE_DRIFTED', details: { version: 1 } } });
      expect(await drift(id)).toMatchObject({ kind: 'content' });
      const shown = await stage.show(id);
      expect(shown.currentVersion).toBe(1);
      expect(shown.drift.fingerprint).not.toBe(shown.fingerprint);
      expect(await target.read(name)).toEqual(ours);
      await stage.api.post(`/secrets/${id}/targets/${target.profile}/sync`);
      await stage.inSync(id);
      expect(await target.read(name)).toEqual(ours);
    });

    it('is found by the scheduled verification', async () => {
      const { id } = await drifted();
      await verifySources(scene);
      await eventually(async () => expect(await drift(id)).toMatchObject({ kind: 'content' }));
    });

    it('becomes a version when it is adopted', async () => {
      const { stage, source, target } = scene;
      const { id, name } = await drifted();
      await verifySources(scene);
      await eventually(async () => expect(await drift(id)).not.toBeNull());
      const written = await source.countVersions(name);
      expect(await stage.api.post(`/secrets/${id}/drift/adopt`, { reason: 'it was us' })).toMatchObject({
        status: 200,
        body: { version: 2, change: { state: 'done' } },
      });
      expect(await stage.show(id)).toMatchObject({ currentVersion: 2, drift: null });
      expect(await stage.content(id)).toEqual(theirs);
      expect(await source.countVersions(name)).toBe(written);
      await stage.inSync(id);
      expect(await target.read(name)).toEqual(theirs);
      const { body } = await stage.api.get(`/secrets/${id}/versions`);
      expect(body.items).toMatchObject([{ origin: 'adopted', reason: 'it was us' }, { origin: 'written' }]);
    });

    it('is written over when that is asked for', async () => {
      const { stage, source } = scene;
      const { id, name } = await drifted();
      await verifySources(scene);
      await eventually(async () => expect(await drift(id)).not.toBeNull());
      const answer = await stage.api.post(`/secrets/${id}/drift/overwrite`);
      if (source.kind === 'kv1') {
        // Nobody holds the recorded content any more.
        expect(answer).toMatchObject({ status: 409, body: { code: 'SOURCE_DRIFTED' } });
        expect(await source.read(name)).toEqual(theirs);
        return;
      }
      expect(answer).toMatchObject({ status: 200, body: { version: 2 } });
      expect(await source.read(name)).toEqual(ours);
      expect(await stage.show(id)).toMatchObject({ currentVersion: 2, drift: null });
      expect(await stage.content(id)).toEqual(ours);
    });

    it('is written over by a new version, which says that something was lost', async () => {
      const { stage, source } = scene;
      const { id, name } = await drifted();
      const answer = await stage.api.put(`/secrets/${id}/content`, { content: { value: 'new' } }, { ifMatch: '*' });
      expect(answer).toMatchObject({ status: 200, body: { version: 2 } });
      expect(await source.read(name)).toEqual({ value: 'new' });
      expect(await stage.show(id)).toMatchObject({ currentVersion: 2, drift: null });
      expect(answer.body.change.result.overwroteForeign).toBeDefined();
    });

    it('is not written over by a writer who names the version that they saw', async () => {
      const { stage, source } = scene;
      const { id, name } = await drifted();
      const answer = await stage.api.put(`/secrets/${id}/content`, { content: { value: 'new' } }, { ifMatch: 1 });
      expect(answer).toMatchObject({ status: 412, body: { code: 'CHANGE_STALE' } });
      expect(await source.read(name)).toEqual(theirs);
      // The refusal ended that change: another one goes through.
      expect(await stage.write(id, { value: 'newer' })).toBe(2);
    });

    it('is told as missing when the object is gone, and is written anew', async () => {
      const { stage, source } = scene;
      const { id, name } = await drifted();
      await source.remove(name);
      await verifySources(scene);
      await eventually(async () => expect(await drift(id)).toMatchObject({ kind: 'missing' }));
      expect(await stage.api.get(`/secrets/${id}/content`)).toMatchObject({
        status: 410,
        body: { code: 'VERSION_UNAVAILABLE', details: { version: 1, reason: 'missing' } },
      });
      expect(await stage.api.post(`/secrets/${id}/drift/adopt`)).toMatchObject({
        status: 409,
        body: { code: 'NOTHING_TO_ADOPT' },
      });
      expect(await stage.write(id, { value: 'anew' })).toBe(2);
      expect(await source.read(name)).toEqual({ value: 'anew' });
      expect(await stage.show(id)).toMatchObject({ drift: null });
    });

    it('heals by itself when the recorded content is put back', async () => {
      const { source } = scene;
      if (source.kind === 'kv2') return; // There a new version is a new thing, whatever it holds.
      const { id, name } = await drifted();
      await verifySources(scene);
      await eventually(async () => expect(await drift(id)).not.toBeNull());
      await source.write(name, ours);
      await verifySources(scene);
      await eventually(async () => expect(await drift(id)).toBeNull());
    });

    it('has nothing to adopt or overwrite while nobody changed it', async () => {
      const { stage, source } = scene;
      const { id } = await stage.secret({ source });
      for (const act of ['adopt', 'overwrite'])
        expect(await stage.api.post(`/secrets/${id}/drift/${act}`)).toMatchObject({
          status: 409,
          body: { code: 'NO_DRIFT' },
        });
      expect(await stage.write(id, { value: 'two' })).toBe(2);
    });

    it('is adopted and written over only by who may', async () => {
      const { stage, source } = scene;
      const { id } = await drifted();
      await stage.api.get(`/secrets/${id}/content`);
      const base = {
        [`claviger/secrets/${source.profile}/*`]: ['read'],
        [`${source.profile}/data/*`]: ['update', 'read'],
      };
      for (const act of ['adopt', 'overwrite']) {
        const without = await stage.allowed(base);
        expect((await without.post(`/secrets/${id}/drift/${act}`)).status).toBe(403);
      }
      const may = await stage.allowed({ ...base, [`claviger/overwrite/${source.profile}/*`]: ['update'] });
      expect((await may.post(`/secrets/${id}/drift/adopt`)).status).toBe(403);
      expect((await may.post(`/secrets/${id}/drift/overwrite`)).status).toBe(source.kind === 'kv1' ? 409 : 200);
    });
  },
  OUTSIDE_SOURCES,
);

describeScenes(
  'a source that is not of its type any more',
  (scene) => {
    it('is not adopted', async () => {
      const { stage, source } = scene;
      const name = unique('typed');
      const { id } = await stage.secret({
        name,
        source,
        type: 'basic-auth',
        content: { username: 'a', password: 'b' },
      });
      await source.write(name, { user: 'a' });
      await stage.api.get(`/secrets/${id}/content`);
      const answer = await stage.api.post(`/secrets/${id}/drift/adopt`);
      expect(answer.status).toBe(400);
      expect(answer.body.code).toMatch(/^CONTENT_/);
      expect(await stage.show(id)).toMatchObject({ currentVersion: 1, drift: { kind: 'content' } });
    });
  },
  OUTSIDE_SOURCES,
);
