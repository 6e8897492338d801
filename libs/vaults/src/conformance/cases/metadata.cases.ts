import assert from 'node:assert/strict';
import type { ConformanceTheme } from '../conformance-case.js';
import { holds, isAbsent, refuses } from '../expectations.js';
import { both, having, lacking, VERSION_IDS } from '../requirement.js';

export const METADATA: ConformanceTheme = {
  theme: 'metadata',
  cases: [
    {
      name: 'sets metadata on an object that has none',
      requires: having('metadata'),
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        assert.deepEqual((await ctx.describe('a')).metadata, {});
        await ctx.setMetadata('a', { first: '1' });
        assert.deepEqual((await ctx.describe('a')).metadata, { first: '1' });
      },
    },
    {
      name: 'leaves the metadata keys that a patch does not name',
      requires: having('metadata'),
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}', { first: '1', second: '2' });
        await ctx.setMetadata('a', { second: 'two', third: '3' });
        assert.deepEqual((await ctx.describe('a')).metadata, { first: '1', second: 'two', third: '3' });
      },
    },
    {
      name: 'writes no version when metadata is set',
      requires: both(having('metadata'), VERSION_IDS),
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        const { currentVersion, versions } = await ctx.describe('a');
        await ctx.setMetadata('a', { owner: 'us' });
        assert.deepEqual(await ctx.describe('a'), { currentVersion, versions, metadata: { owner: 'us' } });
        await holds(ctx, 'a', '{"n":"1"}');
      },
    },
    {
      name: 'refuses metadata of an absent object with NOT_FOUND and creates nothing',
      requires: having('metadata'),
      run: async (ctx) => {
        await refuses('NOT_FOUND', ctx.setMetadata('a', { owner: 'us' }));
        await isAbsent(ctx, 'a');
      },
    },
    {
      name: 'refuses to set metadata with UNSUPPORTED where none can be stored',
      requires: lacking('metadata'),
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        await refuses('UNSUPPORTED', ctx.setMetadata('a', { owner: 'us' }));
        assert.deepEqual((await ctx.describe('a')).metadata, {});
      },
    },
    {
      name: 'keeps the metadata of one object from another',
      requires: having('metadata'),
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}', { owner: 'us' });
        await ctx.create('b', '{"n":"1"}', { owner: 'them' });
        await ctx.setMetadata('a', { owner: 'me' });
        assert.deepEqual((await ctx.describe('b')).metadata, { owner: 'them' });
      },
    },
  ],
};
