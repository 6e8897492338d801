import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { FAULT_POINTS, type FaultPoint } from '@claviger/kernel';
import { ApiClient, eventually, startOpenBao, type JsonBody, type OpenBaoPeer } from '@claviger/testing';
import { hasOpenBao } from './stage.js';
import { ProgramYard, repository, type StartedProgram } from './started-program.js';
import { KvMount } from './vault-mounts.js';

const WITH_FAULTS = join(repository, 'test/setup/standalone-with-faults.mjs');
const CONVERGES_WITHIN_MS = 60_000;

jest.setTimeout(300_000);

/** What a user wrote, and for all we know may have written when the process died in the middle. */
type Written = { readonly id: string; readonly name: string; readonly values: readonly string[] };

const describeWithBao = hasOpenBao ? describe : describe.skip;

describeWithBao('kill -9', () => {
  const yard = new ProgramYard();
  let bao: OpenBaoPeer;
  let source: KvMount;
  let second: KvMount;
  let first: KvMount;
  let dataDir: string;

  beforeAll(async () => {
    bao = await startOpenBao();
    [source, second, first] = await Promise.all([
      KvMount.make(bao, 'source', 'kv2'),
      KvMount.make(bao, 'second', 'kv2'),
      KvMount.make(bao, 'first', 'kv1'),
    ]);
    dataDir = yard.newDataDir();
    const { program, api } = await start();
    const credentials = { type: 'token', token: bao.rootToken };
    await must(
      api.post('/vault-instances', { name: 'bao', kind: 'kv', config: { address: bao.address }, credentials }),
    );
    for (const mount of ['source', 'second', 'first'])
      await must(api.post('/vault-profiles', { name: mount, instance: 'bao', mount }));
    await program.end('SIGTERM');
  });
  afterAll(async () => {
    await yard.stopAll();
    await bao.close();
    yard.remove();
  });

  async function start(fault?: FaultPoint): Promise<{ program: StartedProgram; api: ApiClient }> {
    const log = join(yard.root, 'fault-points');
    const env = { CLAVIGER_TEST_FAULT_LOG: log, ...(fault ? { CLAVIGER_TEST_FAULT: fault } : {}) };
    const program = yard.start(dataDir, { command: [process.execPath, WITH_FAULTS], env });
    const url = await program.ready();
    return { program, api: new ApiClient(url, program.rootToken) };
  }

  const must = async (answer: ReturnType<ApiClient['get']>): Promise<JsonBody> => {
    const { status, body } = await answer;
    expect({ status, body }).toMatchObject({ status: expect.any(Number) });
    if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
    return body;
  };

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

  describe('at a numbered fault point', () => {
    /** What a user does, so that every point is passed: an update, a create, and one over something foreign. */
    async function act(api: ApiClient, kept: Written, name: string): Promise<void> {
      await api.put(`/secrets/${kept.id}/content`, { content: { value: kept.values.at(-1) } }, { ifMatch: '*' });
      await create(api, `${name}-new`, 'new');
      await create(api, `${name}-over`, 'over', { onConflict: 'overwrite' });
    }

    it.each(FAULT_POINTS)('%s, the next start finishes what was begun', async (point) => {
      const name = point.replace(/\W/g, '-');
      const setUp = await start();
      const { secret } = await must(create(setUp.api, name, 'before'));
      const kept = { id: secret.id as string, name, values: ['before', 'after'] };
      await expectConverged(setUp.api, kept);
      await first.write(`${name}-over`, { value: 'foreign' });
      await second.write(`${name}-over`, { value: 'foreign' });
      await setUp.program.end('SIGTERM');

      const doomed = await start(point);
      await Promise.race([act(doomed.api, kept, name).catch(() => undefined), doomed.program.exit()]);
      expect(await doomed.program.exit()).toBe('SIGKILL');

      const { program, api } = await start();
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
      await program.end('SIGTERM');
    });

    it('visits every fault point there is', () => {
      const reached = new Set(readFileSync(join(yard.root, 'fault-points'), 'utf8').trim().split('\n'));
      expect([...reached].sort()).toEqual([...FAULT_POINTS].sort());
    });
  });

  it('in the middle of 500 updates loses nothing and writes nothing twice', async () => {
    const { program, api } = await start();
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
        if (acknowledged === 240) program.child.kill('SIGKILL');
      }
    };
    await Promise.allSettled(Array.from({ length: 8 }, () => update(api, 500)));
    expect(await program.exit()).toBe('SIGKILL');

    const again = await start();
    for (const { id, name } of secrets) {
      const { sure, maybe } = latest.get(name)!;
      const values = Array.from({ length: maybe - sure + 1 }, (_, i) => String(sure + i));
      await expectConverged(again.api, { id, name, values });
    }
    await Promise.all(Array.from({ length: 8 }, () => update(again.api, 500)));
    for (const { id, name } of secrets)
      await expectConverged(again.api, { id, name, values: [String(latest.get(name)!.sure)] });
    expect(await again.program.end('SIGTERM')).toBe(0);
  });

  it('leaves an audit log that verifies, against its anchors too', async () => {
    const command = [process.execPath, join(repository, 'dist/apps/cli/src/main.js'), 'audit', 'verify'] as const;
    const verifier = yard.start(dataDir, { command });
    expect(await verifier.exit()).toBe(0);
    expect(verifier.stdout).toContain('INTACT');
    expect(verifier.stdout).toMatch(/Anchors: [1-9]\d* match/);
  });
});
