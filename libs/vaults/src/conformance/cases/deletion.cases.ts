import assert from 'node:assert/strict';
import type { BackendVersion, VersionState } from '../../contract/index.js';
import { known, type CaseContext } from '../case-context.js';
import type { ConformanceTheme } from '../conformance-case.js';
import { holds, isAbsent, refuses } from '../expectations.js';
import { allowingNames, both, having, lacking, VERSION_IDS } from '../requirement.js';

type History = readonly [BackendVersion, BackendVersion, BackendVersion];

/** Three versions of `a`: `{"n":"1"}` to `{"n":"3"}`. */
async function threeVersions(ctx: CaseContext): Promise<History> {
  const first = known((await ctx.create('a', '{"n":"1"}')).version);
  const second = known((await ctx.put('a', '{"n":"2"}')).version);
  const third = known((await ctx.put('a', '{"n":"3"}')).version);
  return [first, second, third];
}

async function hasStates(ctx: CaseContext, ...states: readonly VersionState[]): Promise<void> {
  assert.deepEqual(
    (await ctx.describe('a')).versions.map((one) => one.state),
    states,
  );
}

async function unavailable(ctx: CaseContext, state: VersionState, version?: BackendVersion): Promise<void> {
  const error = await refuses('VERSION_UNAVAILABLE', ctx.read('a', version));
  assert.equal(error.details?.['state'], state);
}

export const DELETION: ConformanceTheme = {
  theme: 'deletion',
  cases: [
    {
      name: 'hides the versions named and no others',
      requires: having('softDelete'),
      run: async (ctx) => {
        const [first, second, third] = await threeVersions(ctx);
        await ctx.softDelete('a', first, second);
        await hasStates(ctx, 'deleted', 'deleted', 'live');
        await holds(ctx, 'a', '{"n":"3"}', third);
      },
    },
    {
      name: 'refuses a hidden version with VERSION_UNAVAILABLE and its state',
      requires: having('softDelete'),
      run: async (ctx) => {
        const [first] = await threeVersions(ctx);
        await ctx.softDelete('a', first);
        await unavailable(ctx, 'deleted', first);
      },
    },
    {
      name: 'never falls back to an older version when the newest is hidden',
      requires: having('softDelete'),
      run: async (ctx) => {
        const [, second, third] = await threeVersions(ctx);
        await ctx.softDelete('a', third);
        await unavailable(ctx, 'deleted');
        assert.equal((await ctx.describe('a')).currentVersion, third);
        await holds(ctx, 'a', '{"n":"2"}', second);
      },
    },
    {
      name: 'hides again what is hidden, without an error',
      requires: having('softDelete'),
      run: async (ctx) => {
        const [first] = await threeVersions(ctx);
        await ctx.softDelete('a', first);
        await ctx.softDelete('a', first);
        await hasStates(ctx, 'deleted', 'live', 'live');
      },
    },
    {
      name: 'leaves alone versions to hide that are unknown',
      requires: having('softDelete'),
      run: async (ctx) => {
        const [first] = await threeVersions(ctx);
        await ctx.put('b', '{"n":"1"}');
        const foreign = known((await ctx.put('b', '{"n":"2"}')).version);
        await ctx.create('short', '{"n":"1"}');
        await ctx.softDelete('short', foreign, '0', 'latest');
        await holds(ctx, 'short', '{"n":"1"}');
        await ctx.softDelete('a', '0', first, 'latest');
        await hasStates(ctx, 'deleted', 'live', 'live');
      },
    },
    {
      name: 'hides nothing when no version is named',
      requires: having('softDelete'),
      run: async (ctx) => {
        await threeVersions(ctx);
        await ctx.softDelete('a');
        await hasStates(ctx, 'live', 'live', 'live');
      },
    },
    {
      name: 'refuses to hide versions of an absent object with NOT_FOUND',
      requires: having('softDelete'),
      run: async (ctx) => {
        await refuses('NOT_FOUND', ctx.softDelete('a', '1'));
        await isAbsent(ctx, 'a');
      },
    },
    {
      name: 'brings hidden versions back with their content',
      requires: having('softDelete'),
      run: async (ctx) => {
        const [first, second, third] = await threeVersions(ctx);
        await ctx.softDelete('a', first, second, third);
        await ctx.undelete('a', first, third);
        await hasStates(ctx, 'live', 'deleted', 'live');
        await holds(ctx, 'a', '{"n":"1"}', first);
        await holds(ctx, 'a', '{"n":"3"}');
      },
    },
    {
      name: 'brings back what is live or unknown, without an error',
      requires: having('softDelete'),
      run: async (ctx) => {
        const [first] = await threeVersions(ctx);
        await ctx.undelete('a', first, '0', 'latest');
        await ctx.undelete('a', first);
        await hasStates(ctx, 'live', 'live', 'live');
      },
    },
    {
      name: 'refuses to bring versions of an absent object back with NOT_FOUND',
      requires: having('softDelete'),
      run: async (ctx) => {
        await refuses('NOT_FOUND', ctx.undelete('a', '1'));
      },
    },
    {
      name: 'writes a live version over a hidden one',
      requires: having('softDelete'),
      run: async (ctx) => {
        const [, , third] = await threeVersions(ctx);
        await ctx.softDelete('a', third);
        await ctx.put('a', '{"n":"4"}');
        await hasStates(ctx, 'live', 'live', 'deleted', 'live');
        await holds(ctx, 'a', '{"n":"4"}');
      },
    },
    {
      name: 'destroys the versions named and no others',
      requires: having('destroyVersion'),
      run: async (ctx) => {
        const [first, second, third] = await threeVersions(ctx);
        await ctx.destroy('a', first, third);
        await hasStates(ctx, 'destroyed', 'live', 'destroyed');
        await holds(ctx, 'a', '{"n":"2"}', second);
      },
    },
    {
      name: 'refuses a destroyed version with VERSION_UNAVAILABLE and its state',
      requires: having('destroyVersion'),
      run: async (ctx) => {
        const [first, , third] = await threeVersions(ctx);
        await ctx.destroy('a', first, third);
        await unavailable(ctx, 'destroyed', first);
        await unavailable(ctx, 'destroyed');
      },
    },
    {
      name: 'destroys again what is destroyed, without an error',
      requires: having('destroyVersion'),
      run: async (ctx) => {
        const [first] = await threeVersions(ctx);
        await ctx.destroy('a', first);
        await ctx.destroy('a', first, '0', 'latest');
        await hasStates(ctx, 'destroyed', 'live', 'live');
      },
    },
    {
      name: 'refuses to destroy versions of an absent object with NOT_FOUND',
      requires: having('destroyVersion'),
      run: async (ctx) => {
        await refuses('NOT_FOUND', ctx.destroy('a', '1'));
      },
    },
    {
      name: 'keeps what is destroyed destroyed, whatever is brought back or hidden',
      requires: having('destroyVersion', 'softDelete'),
      run: async (ctx) => {
        const [first] = await threeVersions(ctx);
        await ctx.destroy('a', first);
        await ctx.undelete('a', first);
        await hasStates(ctx, 'destroyed', 'live', 'live');
        await ctx.softDelete('a', first);
        await unavailable(ctx, 'destroyed', first);
      },
    },
    {
      name: 'destroys a hidden version',
      requires: having('destroyVersion', 'softDelete'),
      run: async (ctx) => {
        const [first] = await threeVersions(ctx);
        await ctx.softDelete('a', first);
        await ctx.destroy('a', first);
        await hasStates(ctx, 'destroyed', 'live', 'live');
      },
    },
    {
      name: 'refuses to hide or bring back with UNSUPPORTED where it cannot',
      requires: lacking('softDelete'),
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        await refuses('UNSUPPORTED', ctx.softDelete('a', '1'));
        await refuses('UNSUPPORTED', ctx.undelete('a', '1'));
        await holds(ctx, 'a', '{"n":"1"}');
      },
    },
    {
      name: 'refuses to destroy a version with UNSUPPORTED where it cannot',
      requires: lacking('destroyVersion'),
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        await refuses('UNSUPPORTED', ctx.destroy('a', '1'));
        await holds(ctx, 'a', '{"n":"1"}');
      },
    },
    {
      name: 'purges an object with all that it has',
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        await ctx.put('a', '{"n":"2"}');
        if (ctx.card.metadata) await ctx.setMetadata('a', { owner: 'us' });
        await ctx.purge('a');
        await isAbsent(ctx, 'a');
      },
    },
    {
      name: 'purges an object whose versions are all hidden',
      requires: having('softDelete'),
      run: async (ctx) => {
        await ctx.softDelete('a', ...(await threeVersions(ctx)));
        await ctx.purge('a');
        await isAbsent(ctx, 'a');
      },
    },
    {
      name: 'purges what is absent, without an error',
      run: async (ctx) => {
        await ctx.purge('a');
        await ctx.put('a', '{"n":"1"}');
        await ctx.purge('a');
        await ctx.purge('a');
      },
    },
    {
      name: 'purges nothing when only a folder has the name',
      requires: allowingNames('a/b'),
      run: async (ctx) => {
        await ctx.put('folder/b', '{"n":"1"}');
        await ctx.purge('folder');
        await holds(ctx, 'folder/b', '{"n":"1"}');
      },
    },
    {
      name: 'creates anew after a purge, without the old metadata',
      requires: having('metadata', 'immediatePurge'),
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}', { owner: 'us' });
        await ctx.purge('a');
        await ctx.create('a', '{"n":"2"}', { other: 'x' });
        await holds(ctx, 'a', '{"n":"2"}');
        assert.deepEqual((await ctx.describe('a')).metadata, { other: 'x' });
      },
    },
    {
      name: 'creates anew after a purge, without the old versions',
      requires: both(having('versionedReads', 'immediatePurge'), VERSION_IDS),
      run: async (ctx) => {
        await threeVersions(ctx);
        await ctx.purge('a');
        const { version } = await ctx.create('a', '{"n":"4"}');
        assert.deepEqual(
          (await ctx.describe('a')).versions.map((one) => one.version),
          [version],
        );
      },
    },
  ],
};
