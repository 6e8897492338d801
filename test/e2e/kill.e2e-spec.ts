import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { FAULT_POINTS, SOURCE_FAULT_POINTS } from '@claviger/kernel';
import { eventually, startOpenBao, type ApiClient, type JsonBody, type OpenBaoPeer } from '@claviger/testing';
import { MortalProgram, must } from './mortal-program.js';
import { hasOpenBao } from './stage.js';
import { KvMount } from './vault-mounts.js';

const CONVERGES_WITHIN_MS = 60_000;

jest.setTimeout(300_000);

/** What a user wrote, and for all we know may have written when the process died in the middle. */
type Written = { readonly id: string; readonly name: string; readonly values: readonly string[] };

const describeWithBao = hasOpenBao ? describe : describe.skip;

describeWithBao('kill -9', () => {
  const claviger = new MortalProgram();
  let bao: OpenBaoPeer;
  let source: KvMount;
  let second: KvMount;
  let first: KvMount;

  beforeAll(async () => {
    bao = await startOpenBao();
    [source, second, first] = await Promise.all([
      KvMount.make(bao, 'source', 'kv2'),
      KvMount.make(bao, 'second', 'kv2'),
      KvMount.make(bao, 'first', 'kv1'),
    ]);
    const api = await claviger.api();
    const credentials = { type: 'token', token: bao.rootToken };
    await must(
      api.post('/vault-instances', { name: 'bao', kind: 'kv', config: { address: bao.address }, credentials }),
    );
    for (const mount of ['source', 'second', 'first'])
      await must(api.post('/vault-profiles', { name: mount, instance: 'bao', mount }));
  });
  afterAll(async () => {
    await claviger.remove();
    await bao.close();
  });

  const create = (api: ApiClient, name: string, value: string, more: object = {}): ReturnType<ApiClient['get']> =>
    api.post('/secrets', {
      name,
      type: 'key-value',
      content: { value },
      sourceProfile: 'source',
      syncProfiles: ['second', 'first'],
      ...more,
    });

  /** The source and both copies hold one and the same of the possible values, and the history is dense. */
  async function expectConverged(api: ApiClient, { id, name, values }: Written): Promise<void> {
    await eventually(async () => {
      const { items } = await must(api.get(`/secrets/${id}/targets`));
      expect(items.map(({ status }: JsonBody) => status)).toEqual(['in_sync', 'in_sync']);
      const { content } = await must(api.get(`/secrets/${id}/content`));
      expect(values).toContain(content.value);
      for (const mount of [source, second, first]) expect(await mount.read(name)).toEqual(content);
      const { items: changes } = await must(api.get(`/changes?secret=${id}&state=executing`));
      expect(changes).toEqual([]);
    }, CONVERGES_WITHIN_MS);
    const versions: JsonBody[] = await api.all(`/secrets/${id}/versions`);
    const numbers = versions.map(({ number }) => number as number);
    expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => numbers.length - i));
    // Each version of ours is one version at the source: nothing was written twice, nothing is unaccounted for.
    expect(new Set(versions.map(({ backendVersion }) => backendVersion as string)).size).toBe(numbers.length);
    expect(await source.countVersions(name)).toBe(numbers.length);
  }

  /** `second` is the source, `source` and `first` are copies, all three hold the same, and nothing is under way. */
  async function expectMoved(api: ApiClient, id: string, name: string, value: string): Promise<void> {
    await eventually(async () => {
      expect(await must(api.get(`/secrets/${id}`))).toMatchObject({ sourceProfile: 'second', drift: null });
      const { items } = await must(api.get(`/secrets/${id}/targets`));
      const found = items.map(({ profile, status }: JsonBody) => [profile, status] as const);
      expect(Object.fromEntries(found)).toEqual({ source: 'in_sync', first: 'in_sync' });
      expect((await must(api.get(`/secrets/${id}/content`))).content).toEqual({ value });
      for (const mount of [source, second, first]) expect(await mount.read(name)).toEqual({ value });
      expect((await must(api.get(`/changes?secret=${id}&state=executing`))).items).toEqual([]);
    }, CONVERGES_WITHIN_MS);
  }

  describe('at a numbered fault point', () => {
    /** What a user does, so that every point is passed: an update, a create, and one over something foreign. */
    async function act(api: ApiClient, kept: Written, name: string): Promise<void> {
      await api.put(`/secrets/${kept.id}/content`, { content: { value: kept.values.at(-1) } }, { ifMatch: '*' });
      await create(api, `${name}-new`, 'new');
      await create(api, `${name}-over`, 'over', { onConflict: 'overwrite' });
    }

    it.each(FAULT_POINTS)('%s, the next start finishes what was begun', async (point) => {
      const name = point.replace(/\W/g, '-');
      const before = await claviger.api();
      const { secret } = await must(create(before, name, 'before'));
      const kept = { id: secret.id as string, name, values: ['before', 'after'] };
      await expectConverged(before, kept);
      await first.write(`${name}-over`, { value: 'foreign' });
      await second.write(`${name}-over`, { value: 'foreign' });

      await claviger.dieAt(point, (api) => act(api, kept, name));

      const api = await claviger.api();
      await expectConverged(api, kept);
      for (const [suffix, value] of [
        ['new', 'new'],
        ['over', 'over'],
      ] as const) {
        // A create that the process died in either never was, or is finished; the name is usable either way.
        const found = await eventually(async () => {
          const { status, body } = await api.get(`/secrets?profile=source&name=${name}-${suffix}`);
          expect(body.items?.[0]?.state ?? 'absent').not.toBe('creating');
          return status === 200 ? (body.items[0] as JsonBody) : undefined;
        }, CONVERGES_WITHIN_MS);
        const conflict = suffix === 'over' ? { onConflict: 'overwrite' } : {};
        const id = (found ?? (await must(create(api, `${name}-${suffix}`, value, conflict))).secret).id as string;
        await expectConverged(api, { id, name: `${name}-${suffix}`, values: [value] });
      }
    });

    it.each(SOURCE_FAULT_POINTS)(
      '%s, the next start finishes the change of source, and nothing is lost',
      async (point) => {
        const name = point.replace(/\W/g, '-');
        const before = await claviger.api();
        const { secret } = await must(create(before, name, 'one', { syncProfiles: ['first'] }));
        await must(before.put(`/secrets/${secret.id}/content`, { content: { value: 'two' } }, { ifMatch: '*' }));

        await claviger.dieAt(point, (api) =>
          api.put(`/secrets/${secret.id}/source-profile`, { profile: 'second' }, { ifMatch: '*' }),
        );

        const api = await claviger.api();
        await expectMoved(api, secret.id as string, name, 'two');
        // Old versions are read where they were managed; what is written from now on goes to every place.
        expect((await must(api.get(`/secrets/${secret.id}/content?version=1`))).content).toEqual({ value: 'one' });
        await must(api.put(`/secrets/${secret.id}/content`, { content: { value: 'three' } }, { ifMatch: '*' }));
        await expectMoved(api, secret.id as string, name, 'three');
      },
    );

    it('visits every fault point there is', () => {
      expect(claviger.reached().sort()).toEqual([...FAULT_POINTS, ...SOURCE_FAULT_POINTS].sort());
    });
  });

  it('in the middle of 500 updates loses nothing and writes nothing twice', async () => {
    const api = await claviger.api();
    const names = Array.from({ length: 25 }, (_, i) => `many/${i}`);
    const secrets = await Promise.all(
      names.map(async (name) => ({ name, id: (await must(create(api, name, '0'))).secret.id as string })),
    );
    let next = 0;
    let acknowledged = 0;
    const latest = new Map(names.map((name) => [name, { sure: 0, maybe: 0 }]));
    const update = async (client: ApiClient, until: number): Promise<void> => {
      while (next < until) {
        const round = Math.floor(next / names.length) + 1;
        const { id, name } = secrets[next % names.length]!;
        next += 1;
        const state = latest.get(name)!;
        state.maybe = round;
        const answer = await client.put(
          `/secrets/${id}/content`,
          { content: { value: String(round) } },
          { ifMatch: '*' },
        );
        if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`);
        state.sure = round;
        acknowledged += 1;
        if (acknowledged === 240) claviger.kill();
      }
    };
    await claviger.dieDuring(Promise.allSettled(Array.from({ length: 8 }, () => update(api, 500))));

    const again = await claviger.api();
    for (const { id, name } of secrets) {
      const { sure, maybe } = latest.get(name)!;
      const values = Array.from({ length: maybe - sure + 1 }, (_, i) => String(sure + i));
      await expectConverged(again, { id, name, values });
    }
    await Promise.all(Array.from({ length: 8 }, () => update(again, 500)));
    for (const { id, name } of secrets)
      await expectConverged(again, { id, name, values: [String(latest.get(name)!.sure)] });
    expect(await claviger.stop()).toBe(0);
  });

  it('leaves an audit log that verifies, against its anchors too', async () => {
    const said = await claviger.command('audit', 'verify');
    expect(said).toContain('INTACT');
    expect(said).toMatch(/Anchors: [1-9]\d* match/);
  });
});
