import { eventually, type JsonBody } from '@claviger/testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { HookReceiver } from './hook-receiver.js';
import { unique, type Stage, type StageVault } from './stage.js';

const CANARY = 'told-canary-91c2';
const any = { ifMatch: '*' };

/** Who asked to be told of events is told, by signed messages without a value. */
export function tellNotificationStory(stage: () => Stage): void {
  let receiver: HookReceiver;
  let source: StageVault;
  beforeAll(async () => {
    receiver = await HookReceiver.start();
    source = await stage().vault('builtin', unique('told'));
  });
  afterAll(() => receiver?.close());

  it('gets signed messages about what it asked for, and about nothing else', async () => {
    const { api } = stage();
    const name = unique('hook');
    const wanted = ['secret.created', 'secret.deleted'];
    const hook = { name, url: receiver.url(`/${name}`), eventTypes: wanted };
    const { secret: key } = await stage().register('webhooks', hook);
    const { id } = await stage().secret({ source, content: { value: CANARY } });
    await stage().write(id, { value: `${CANARY} too` });
    expect((await api.delete(`/secrets/${id}`, any)).status).toBe(200);
    const messages = (): JsonBody[] => receiver.at(`/${name}`).map((post) => post.verify(key as string));
    const aboutIt = (): JsonBody[] => messages().filter(({ data }) => data.subjectId === id);
    await eventually(() => expect(aboutIt()).toHaveLength(2));
    expect(
      aboutIt()
        .map(({ type }) => type as string)
        .sort(),
    ).toEqual(wanted);
    for (const { type } of messages()) expect(wanted).toContain(type);
    expect(JSON.stringify(receiver.posts)).not.toContain(CANARY);
    await eventually(async () => {
      const { items } = (await api.get(`/webhooks/${name}/deliveries`)).body;
      expect(items).toHaveLength(messages().length);
      for (const item of items) expect(item).toMatchObject({ state: 'delivered', statusCode: 204, attempts: 1 });
    });
  });
}
