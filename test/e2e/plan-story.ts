import { eventually, type ApiAnswer, type JsonBody } from '@claviger/testing';
import { expect, it } from '@jest/globals';
import type { Scene } from './scenes.js';
import { unique } from './stage.js';

/** A team moves in: what it has is found and adopted by a plan, and changed by another one. */
export function tellPlanStory(scene: Scene): void {
  const must = ({ status, body }: ApiAnswer): JsonBody => {
    expect({ isDone: status < 300, code: body?.code }).toEqual({ isDone: true });
    return body;
  };
  const ended = (id: string): Promise<JsonBody> =>
    eventually(async () => {
      const { body } = await scene.stage.api.get(`/plans/${id}`);
      expect(body.state).toBe('applied');
      return body;
    });

  it('looks at what lies in its vault, adopts it by a plan, and changes it by another one', async () => {
    const { stage, source: kv, target: standby } = scene;
    const folder = unique('shop');
    await kv.write(`${folder}/mail`, { username: 'shop', password: 'correct horse' });
    await kv.write(`${folder}/settings`, { host: 'mail.example', port: 25 });

    const { id } = must(await stage.api.post('/imports', { vaultProfile: kv.profile, folder }));
    await eventually(async () => {
      expect((await stage.api.get(`/imports/${id}`)).body).toMatchObject({ state: 'ready', found: 2, known: 0 });
    });
    const found = must(await stage.api.get(`/imports/${id}/items`)).items as JsonBody[];
    expect(found.map(({ name, type, isCertain }) => [name, type, isCertain])).toEqual([
      [`${folder}/mail`, 'basic-auth', true],
      [`${folder}/settings`, 'key-value', true],
    ]);

    const adoption = must(
      await stage.api.post(`/imports/${id}/adopt`, { all: true, syncProfiles: [standby.profile], reason: 'moved in' }),
    );
    expect(adoption).toMatchObject({ state: 'ready', items: { byAction: { adopt: 2 } } });
    expect((await stage.api.post(`/plans/${adoption.id}/apply`)).status).toBe(202);
    expect((await ended(adoption.id as string)).items.byState).toEqual({ done: 2 });
    const [mail, settings] = (must(await stage.api.get(`/plans/${adoption.id}/items`)).items as JsonBody[]).map(
      ({ secretId }) => secretId as string,
    );
    await stage.inSync(mail!);
    expect(must(await stage.api.get(`/secrets/${mail}/content`)).content).toEqual({
      username: 'shop',
      password: 'correct horse',
    });

    const change = must(
      await stage.api.post('/plans', {
        items: [
          { kind: 'secret.content.patch', secretId: settings, content: { port: 587 } },
          { kind: 'secret.delete', secretId: mail },
        ],
      }),
    );
    const planned = must(await stage.api.get(`/plans/${change.id}/items`)).items as JsonBody[];
    expect(planned.map(({ plan }) => plan.map((step: JsonBody) => `${step.profile} ${step.action}`))).toEqual([
      [`${kv.profile} update`, `${standby.profile} update`],
      [`${kv.profile} delete`, `${standby.profile} delete`],
    ]);
    expect(await kv.read(`${folder}/settings`)).toEqual({ host: 'mail.example', port: 25 });
    must(await stage.api.post(`/plans/${change.id}/apply`));
    expect((await ended(change.id as string)).items.byState).toEqual({ done: 2 });
    expect(await kv.read(`${folder}/settings`)).toEqual({ host: 'mail.example', port: 587 });
    expect(await kv.read(`${folder}/mail`)).toBeUndefined();
  });
}
