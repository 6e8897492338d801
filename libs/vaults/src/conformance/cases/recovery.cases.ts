import assert from 'node:assert/strict';
import type { ConformanceTheme } from '../conformance-case.js';
import { holds, isAbsent, refuses } from '../expectations.js';
import { both, having, lacking } from '../requirement.js';

const PLACE = { claviger_place: 'place-1' };
const FIRST = { claviger_owner: 'marker-1', ...PLACE };
const SECOND = { claviger_owner: 'marker-2', ...PLACE };
const THEIRS = { claviger_owner: 'marker-3', claviger_place: 'place-2' };
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
      name: 'leaves what waits for its deletion to whoever it belongs to',
      requires: MARKED,
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}', THEIRS);
        await ctx.purge('a');
        await refuses('PENDING_DELETION', ctx.create('a', '{"n":"2"}', FIRST, PLACE));
        await refuses('PENDING_DELETION', ctx.create('a', '{"n":"2"}', THEIRS));
        await isAbsent(ctx, 'a');
      },
    },
    {
      name: 'brings back what waits for its deletion for a creation that may claim it, with the new content',
      requires: MARKED,
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}', FIRST);
        await ctx.setMetadata('a', { cost_center: '17' });
        await ctx.purge('a');
        const { version } = await ctx.create('a', '{"n":"2"}', SECOND, PLACE);
        await holds(ctx, 'a', '{"n":"2"}');
        const { metadata, currentVersion } = await ctx.describe('a');
        assert.deepEqual([metadata, currentVersion], [{ ...SECOND, cost_center: '17' }, version]);
        assert.deepEqual(await ctx.list(''), ['a']);
      },
    },
    {
      name: 'sets no metadata on what waits for its deletion, but tells NOT_FOUND',
      requires: MARKED,
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}', FIRST);
        await ctx.purge('a');
        await refuses('NOT_FOUND', ctx.setMetadata('a', { more: 'x' }));
      },
    },
  ],
};
