import assert from 'node:assert/strict';
import type { ConformanceTheme } from '../conformance-case.js';
import { known } from '../case-context.js';
import { holds, isAbsent, oneWins, refuses } from '../expectations.js';
import { having, lacking, VERSION_IDS } from '../requirement.js';

const RACERS = 8;
const OURS = { claviger_owner: 'marker-1' };
const THEIRS = { claviger_owner: 'marker-2' };

export const CREATE: ConformanceTheme = {
  theme: 'create',
  cases: [
    {
      name: 'creates what is absent',
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}');
        await holds(ctx, 'a', '{"n":"1"}');
      },
    },
    {
      name: 'gives the version that a creation made',
      requires: VERSION_IDS,
      run: async (ctx) => {
        const { version } = await ctx.create('a', '{"n":"1"}');
        assert.equal((await ctx.read('a')).version, known(version));
        assert.equal((await ctx.describe('a')).currentVersion, version);
      },
    },
    {
      name: 'gives no version where none is kept',
      requires: lacking('versionedReads', 'compareAndSet'),
      run: async (ctx) => {
        assert.equal((await ctx.create('a', '{"n":"1"}')).version, undefined);
        assert.equal((await ctx.put('a', '{"n":"2"}')).version, undefined);
        assert.equal((await ctx.read('a')).version, undefined);
        const description = await ctx.describe('a');
        assert.deepEqual([description.currentVersion, description.versions], [undefined, []]);
      },
    },
    {
      name: 'refuses to create what exists with ALREADY_EXISTS and leaves its content',
      run: async (ctx) => {
        await ctx.create('a', '{"n":"first"}');
        await refuses('ALREADY_EXISTS', ctx.create('a', '{"n":"second"}'));
        await holds(ctx, 'a', '{"n":"first"}');
      },
    },
    {
      name: 'refuses to create again with equal content and metadata',
      requires: having('metadata'),
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}', OURS);
        const before = await ctx.describe('a');
        await refuses('ALREADY_EXISTS', ctx.create('a', '{"n":"1"}', OURS));
        assert.deepEqual(await ctx.describe('a'), before);
      },
    },
    {
      name: 'leaves the metadata of what exists when a creation is refused',
      requires: having('metadata'),
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}', OURS);
        await refuses('ALREADY_EXISTS', ctx.create('a', '{"n":"2"}', { ...THEIRS, more: 'x' }));
        assert.deepEqual((await ctx.describe('a')).metadata, OURS);
      },
    },
    {
      name: 'refuses to create over an object whose only version is hidden',
      requires: having('softDelete'),
      run: async (ctx) => {
        const { version } = await ctx.create('a', '{"n":"first"}');
        await ctx.softDelete('a', version);
        await refuses('ALREADY_EXISTS', ctx.create('a', '{"n":"second"}'));
        await ctx.undelete('a', version);
        await holds(ctx, 'a', '{"n":"first"}');
      },
    },
    {
      name: 'refuses to create over an object whose only version is destroyed',
      requires: having('destroyVersion'),
      run: async (ctx) => {
        const { version } = await ctx.create('a', '{"n":"first"}');
        await ctx.destroy('a', version);
        await refuses('ALREADY_EXISTS', ctx.create('a', '{"n":"second"}'));
      },
    },
    {
      name: 'lets exactly one of many concurrent creations win, and keeps its content',
      requires: having('atomicCreate'),
      run: async (ctx) => {
        const contents = Array.from({ length: RACERS }, (_, index) => `{"by":"${index}"}`);
        const winner = await oneWins(
          'ALREADY_EXISTS',
          contents.map((text) => ctx.create('a', text)),
        );
        await holds(ctx, 'a', contents[winner]!);
      },
    },
    {
      name: 'lets exactly one of many concurrent creations with metadata win',
      requires: having('atomicCreate', 'metadata'),
      run: async (ctx) => {
        const contents = Array.from({ length: RACERS }, (_, index) => `{"by":"${index}"}`);
        const winner = await oneWins(
          'ALREADY_EXISTS',
          contents.map((text) => ctx.create('a', text, OURS)),
        );
        await holds(ctx, 'a', contents[winner]!);
        assert.deepEqual((await ctx.describe('a')).metadata, OURS);
      },
    },
    {
      name: 'stores metadata with a creation',
      requires: having('metadata'),
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}', { ...OURS, managed_by: 'claviger' });
        assert.deepEqual((await ctx.describe('a')).metadata, { ...OURS, managed_by: 'claviger' });
      },
    },
    {
      name: 'refuses metadata with UNSUPPORTED where none can be stored',
      requires: lacking('metadata'),
      run: async (ctx) => {
        await refuses('UNSUPPORTED', ctx.create('a', '{"n":"1"}', OURS));
        await isAbsent(ctx, 'a');
      },
    },
    {
      name: 'resumes its own interrupted creation',
      requires: having('metadata'),
      needs: 'interruptCreate',
      run: async (ctx) => {
        await ctx.harness.interruptCreate?.(ctx.vault, ctx.path('a'), OURS);
        await ctx.create('a', '{"n":"1"}', OURS);
        await holds(ctx, 'a', '{"n":"1"}');
        assert.deepEqual((await ctx.describe('a')).metadata, OURS);
      },
    },
    {
      name: "refuses to resume another's interrupted creation with ALREADY_EXISTS",
      requires: having('metadata'),
      needs: 'interruptCreate',
      run: async (ctx) => {
        await ctx.harness.interruptCreate?.(ctx.vault, ctx.path('a'), THEIRS);
        await refuses('ALREADY_EXISTS', ctx.create('a', '{"n":"1"}', OURS));
        await refuses('ALREADY_EXISTS', ctx.create('a', '{"n":"1"}'));
        assert.deepEqual((await ctx.describe('a')).metadata, THEIRS);
        await refuses('NOT_FOUND', ctx.read('a'));
      },
    },
    {
      name: 'refuses to resume a creation whose metadata only begins like its own',
      requires: having('metadata'),
      needs: 'interruptCreate',
      run: async (ctx) => {
        await ctx.harness.interruptCreate?.(ctx.vault, ctx.path('a'), { ...OURS, foreign: 'x' });
        await refuses('ALREADY_EXISTS', ctx.create('a', '{"n":"1"}', OURS));
      },
    },
    {
      name: 'describes an interrupted creation as an object without versions',
      requires: having('metadata'),
      needs: 'interruptCreate',
      run: async (ctx) => {
        await ctx.harness.interruptCreate?.(ctx.vault, ctx.path('a'), OURS);
        const description = await ctx.describe('a');
        assert.deepEqual([description.currentVersion, description.versions], [undefined, []]);
        assert.deepEqual(description.metadata, OURS);
        await refuses('NOT_FOUND', ctx.read('a'));
      },
    },
  ],
};
