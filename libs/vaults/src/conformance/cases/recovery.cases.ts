import assert from 'node:assert/strict';
import type { ConformanceTheme } from '../conformance-case.js';
import { holds, isAbsent, refuses } from '../expectations.js';
import { both, having, lacking } from '../requirement.js';

const OURS = { claviger_owner: 'marker-1' };
const THEIRS = { claviger_owner: 'marker-2' };
const WAITING = lacking('immediatePurge');
const MARKED = both(WAITING, having('metadata'));

export const RECOVERY: ConformanceTheme = {
  theme: 'deletion that waits',
  cases: [
    {
      name: 'refuses to create over what waits for its deletion with PENDING_DELETION',
      requires: WAITING,
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}');
        await ctx.purge('a');
        await refuses('PENDING_DELETION', ctx.create('a', '{"n":"2"}'));
        await isAbsent(ctx, 'a');
      },
    },
    {
      name: 'refuses to update what waits for its deletion with PENDING_DELETION',
      requires: WAITING,
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}');
        await ctx.purge('a');
        await refuses('PENDING_DELETION', ctx.put('a', '{"n":"2"}'));
        await isAbsent(ctx, 'a');
      },
    },
    {
      name: 'leaves what waits for its deletion under the marker of another',
      requires: MARKED,
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}', THEIRS);
        await ctx.purge('a');
        await refuses('PENDING_DELETION', ctx.create('a', '{"n":"2"}', OURS));
        await isAbsent(ctx, 'a');
      },
    },
    {
      name: 'brings back what waits for its deletion for a creation with its marker, with the new content',
      requires: MARKED,
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}', OURS);
        await ctx.setMetadata('a', { cost_center: '17' });
        await ctx.purge('a');
        await ctx.create('a', '{"n":"2"}', OURS);
        await holds(ctx, 'a', '{"n":"2"}');
        assert.deepEqual((await ctx.describe('a')).metadata, { ...OURS, cost_center: '17' });
        assert.deepEqual(await ctx.list(''), ['a']);
      },
    },
    {
      name: 'sets no metadata on what waits for its deletion, but tells NOT_FOUND',
      requires: MARKED,
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}', OURS);
        await ctx.purge('a');
        await refuses('NOT_FOUND', ctx.setMetadata('a', { more: 'x' }));
      },
    },
  ],
};
