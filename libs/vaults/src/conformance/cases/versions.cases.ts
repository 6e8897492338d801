import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { BackendVersion } from '../../contract/index.js';
import { known, type CaseContext } from '../case-context.js';
import type { ConformanceTheme } from '../conformance-case.js';
import { holds, refuses } from '../expectations.js';
import { both, FILLABLE_HISTORY, having, lacking, VERSION_IDS } from '../requirement.js';

/** Lenient parsing takes some of these for "the latest". */
const MALFORMED_VERSIONS = ['0', '-1', '1.0', ' 1', 'latest', 'NaN'];

/** Writes `{"n":"1"}` … and gives the version ids, oldest first. */
async function history(ctx: CaseContext, name: string, count: number): Promise<readonly BackendVersion[]> {
  const versions: BackendVersion[] = [];
  for (let n = 1; n <= count; n++) versions.push(known((await ctx.put(name, `{"n":"${n}"}`)).version));
  return versions;
}

export const VERSIONS: ConformanceTheme = {
  theme: 'versions',
  cases: [
    {
      name: 'reads every version by the id that its write gave',
      requires: having('versionedReads'),
      run: async (ctx) => {
        const versions = await history(ctx, 'a', 5);
        for (const [index, version] of versions.entries()) await holds(ctx, 'a', `{"n":"${index + 1}"}`, version);
      },
    },
    {
      name: 'names the version that a read of an old one gives',
      requires: having('versionedReads'),
      run: async (ctx) => {
        const versions = await history(ctx, 'a', 3);
        for (const version of versions) assert.equal((await ctx.read('a', version)).version, version);
      },
    },
    {
      name: 'reads the newest version when none is named',
      requires: VERSION_IDS,
      run: async (ctx) => {
        const versions = await history(ctx, 'a', 3);
        const { text, version } = await ctx.read('a');
        assert.deepEqual([text.includes('3'), version], [true, versions.at(-1)]);
      },
    },
    {
      name: 'describes the current version and all else where no other is asked for',
      requires: having('versionedReads'),
      run: async (ctx) => {
        const versions = await history(ctx, 'a', 2);
        const found = await ctx.describe('a', 'current');
        const { version, state } = found.versions.at(-1) ?? {};
        assert.deepEqual([found.currentVersion, version, state], [versions.at(-1), versions.at(-1), 'live']);
        await ctx.create('b', '{"n":"1"}', ctx.card.metadata ? { owner: 'us' } : {});
        assert.deepEqual((await ctx.describe('b', 'current')).metadata, (await ctx.describe('b')).metadata);
        await refuses('NOT_FOUND', ctx.adapter.describe(ctx.call(), ctx.path('absent'), 'current'));
      },
    },
    {
      name: 'gives each write a version of its own, also for equal content',
      requires: VERSION_IDS,
      run: async (ctx) => {
        const versions = [
          await ctx.create('a', '{"n":"1"}'),
          await ctx.put('a', '{"n":"1"}'),
          await ctx.put('a', '{"n":"1"}'),
        ];
        assert.equal(new Set(versions.map((receipt) => known(receipt.version))).size, 3);
      },
    },
    {
      name: 'gives concurrent updates versions of their own, each readable',
      requires: having('versionedReads'),
      run: async (ctx) => {
        const contents = ['{"by":"0"}', '{"by":"1"}', '{"by":"2"}', '{"by":"3"}'];
        const receipts = await Promise.all(contents.map((text) => ctx.put('a', text)));
        for (const [index, receipt] of receipts.entries()) await holds(ctx, 'a', contents[index]!, receipt.version);
      },
    },
    {
      name: 'describes the versions in ascending order, the current one last',
      requires: having('versionedReads'),
      run: async (ctx) => {
        const versions = await history(ctx, 'a', 4);
        const description = await ctx.describe('a');
        assert.deepEqual(
          description.versions.map((one) => one.version),
          versions,
        );
        assert.equal(description.currentVersion, versions.at(-1));
      },
    },
    {
      name: 'orders versions by their number beyond nine',
      requires: both(having('versionedReads'), {
        description: 'needs a history of eleven versions',
        holds: (card) => (card.maxVersions ?? Infinity) >= 10,
      }),
      run: async (ctx) => {
        const versions = await history(ctx, 'a', 11);
        const described = (await ctx.describe('a')).versions.map((one) => one.version);
        assert.deepEqual(described, versions.slice(-described.length));
        assert.equal((await ctx.read('a')).version, versions.at(-1));
      },
    },
    {
      name: 'tells when versions were made, never backwards',
      requires: having('versionedReads'),
      run: async (ctx) => {
        await history(ctx, 'a', 3);
        const times = (await ctx.describe('a')).versions.flatMap(({ createdAt }) => createdAt?.getTime() ?? []);
        assert.ok(times.every((time) => Number.isFinite(time)));
        assert.deepEqual(
          times,
          [...times].sort((a, b) => a - b),
        );
      },
    },
    {
      name: 'refuses a version that another object has with VERSION_NOT_FOUND',
      requires: having('versionedReads'),
      run: async (ctx) => {
        const versions = await history(ctx, 'longer', 3);
        await history(ctx, 'a', 1);
        await refuses('VERSION_NOT_FOUND', ctx.read('a', known(versions.at(-1))));
      },
    },
    {
      name: 'refuses a version that is none with VERSION_NOT_FOUND',
      requires: having('versionedReads'),
      run: async (ctx) => {
        await history(ctx, 'a', 2);
        for (const version of MALFORMED_VERSIONS) await refuses('VERSION_NOT_FOUND', ctx.read('a', version));
      },
    },
    {
      name: 'refuses a version of an absent object with NOT_FOUND',
      requires: having('versionedReads'),
      run: async (ctx) => {
        const [version] = await history(ctx, 'other', 1);
        await refuses('NOT_FOUND', ctx.read('a', version));
      },
    },
    {
      name: 'refuses to read a version with UNSUPPORTED where none is kept',
      requires: lacking('versionedReads', 'compareAndSet'),
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        await refuses('UNSUPPORTED', ctx.read('a', '1'));
      },
    },
    {
      name: 'keeps as many versions as the card says, and prunes the oldest',
      requires: both(having('versionedReads'), FILLABLE_HISTORY),
      run: async (ctx) => {
        const most = ctx.card.maxVersions ?? 0;
        const versions = await history(ctx, 'a', most + 2);
        const kept = versions.slice(2);
        assert.deepEqual(
          (await ctx.describe('a')).versions.map((one) => one.version),
          kept,
        );
        for (const [index, version] of kept.entries()) await holds(ctx, 'a', `{"n":"${index + 3}"}`, version);
      },
    },
    {
      name: 'refuses a pruned version with VERSION_NOT_FOUND',
      requires: both(having('versionedReads'), FILLABLE_HISTORY),
      run: async (ctx) => {
        const versions = await history(ctx, 'a', (ctx.card.maxVersions ?? 0) + 1);
        await refuses('VERSION_NOT_FOUND', ctx.read('a', versions[0]));
      },
    },
    {
      name: 'refuses to read or describe what is absent with NOT_FOUND',
      run: async (ctx) => {
        await ctx.put('other', '{"n":"1"}');
        await refuses('NOT_FOUND', ctx.read('a'));
        await refuses('NOT_FOUND', ctx.describe('a'));
      },
    },
    {
      name: 'describes without content',
      run: async (ctx) => {
        await ctx.put('a', '{"password":"canary-in-content"}');
        assert.ok(!inspect(await ctx.describe('a'), { depth: Infinity }).includes('canary'));
      },
    },
  ],
};
