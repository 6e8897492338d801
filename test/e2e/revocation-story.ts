import { eventually, type ApiClient } from '@claviger/testing';
import { expect, it } from '@jest/globals';
import type { Stage } from './stage.js';

/** Within which every process must have heard; the promise of the product, asked of the slower of two clocks. */
const WITHIN_MS = 1_000;

/** Resolves once `ask` gives `wanted`, which it must do in time, and go on doing. */
export async function expectWithinASecond(sinceMs: number, ask: () => Promise<number>, wanted: number): Promise<void> {
  await eventually(async () => expect(await ask()).toBe(wanted));
  // What was asked before the second was over may still have had the old answer; after it nothing may.
  const left = sinceMs + WITHIN_MS - performance.now();
  if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
  expect(await ask()).toBe(wanted);
}

/** A token is taken back at one api process, and refused by all. */
export function tellRevocationStory(stage: () => Stage): void {
  const make = async (as: ApiClient, policy: string): Promise<{ client: ApiClient; accessor: string }> => {
    const { status, body } = await as.post('/tokens', { policies: [policy] });
    expect({ status, code: body.code }).toEqual({ status: 201 });
    return { client: as.as(body.token as string), accessor: body.details.accessor as string };
  };
  const status = async (client: ApiClient): Promise<number> => (await client.get('/whoami')).status;

  it('is refused by both apis within a second, with all its descendants', async () => {
    const [here, there] = stage().app.apis as [ApiClient, ApiClient];
    const parent = await make(here, 'admin');
    const child = await make(parent.client, 'developer');
    const grandchild = await make(there.as(parent.client.token), 'operator');
    const all = [parent, child, grandchild].map(({ client }) => stage().everywhere(client));
    // Both processes know them by now, and know them well.
    for (const at of all.flat()) expect(await status(at)).toBe(200);
    expect((await here.delete(`/tokens/${parent.accessor}`)).status).toBe(204);
    const since = performance.now();
    for (const [first] of all) expect(await status(first!)).toBe(401);
    for (const [, second] of all) await expectWithinASecond(since, () => status(second!), 401);
  });
}
