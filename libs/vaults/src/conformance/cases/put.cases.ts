import assert from 'node:assert/strict';
import { known } from '../case-context.js';
import type { ConformanceTheme } from '../conformance-case.js';
import { holds, isAbsent, oneWins, refuses, sameJson } from '../expectations.js';
import { having, lacking } from '../requirement.js';

const RACERS = 8;
/** Texts that are no version of ours, and that lenient parsing takes for one, for "any" or for "none". */
const MALFORMED_VERSIONS = ['0', '-1', '1.0', ' 1', 'latest', 'NaN'];

export const PUT: ConformanceTheme = {
  theme: 'put and compare-and-set',
  cases: [
    {
      name: 'creates by an update without condition',
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        await holds(ctx, 'a', '{"n":"1"}');
      },
    },
    {
      name: 'replaces the whole content by an update',
      run: async (ctx) => {
        await ctx.put('a', '{"old":"1","both":"1"}');
        await ctx.put('a', '{"both":"2","new":"2"}');
        await holds(ctx, 'a', '{"both":"2","new":"2"}');
      },
    },
    {
      name: 'keeps the metadata through updates',
      requires: having('metadata'),
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}', { owner: 'us' });
        await ctx.put('a', '{"n":"2"}');
        assert.deepEqual((await ctx.describe('a')).metadata, { owner: 'us' });
      },
    },
    {
      name: 'keeps the metadata through a conditional update',
      requires: having('metadata', 'compareAndSet'),
      run: async (ctx) => {
        const { version } = await ctx.create('a', '{"n":"1"}', { owner: 'us' });
        await ctx.put('a', '{"n":"2"}', known(version));
        assert.deepEqual((await ctx.describe('a')).metadata, { owner: 'us' });
      },
    },
    {
      name: 'keeps one whole content of concurrent updates',
      run: async (ctx) => {
        const contents = Array.from({ length: RACERS }, (_, index) => `{"by":"${index}","${index}":"x"}`);
        await Promise.all(contents.map((text) => ctx.put('a', text)));
        const { text } = await ctx.read('a');
        const by = (JSON.parse(text) as { by: string }).by;
        sameJson(text, contents[Number(by)]!);
      },
    },
    {
      name: 'writes when the expected version is the current one',
      requires: having('compareAndSet'),
      run: async (ctx) => {
        const first = await ctx.create('a', '{"n":"1"}');
        const second = await ctx.put('a', '{"n":"2"}', known(first.version));
        await ctx.put('a', '{"n":"3"}', known(second.version));
        await holds(ctx, 'a', '{"n":"3"}');
      },
    },
    {
      name: 'refuses a stale expected version with VERSION_CONFLICT and writes nothing',
      requires: having('compareAndSet'),
      run: async (ctx) => {
        const first = await ctx.create('a', '{"n":"1"}');
        const second = await ctx.put('a', '{"n":"2"}');
        await refuses('VERSION_CONFLICT', ctx.put('a', '{"n":"3"}', known(first.version)));
        await holds(ctx, 'a', '{"n":"2"}');
        assert.equal((await ctx.describe('a')).currentVersion, second.version);
      },
    },
    {
      name: 'refuses an expected version that does not exist yet with VERSION_CONFLICT',
      requires: having('compareAndSet'),
      run: async (ctx) => {
        await ctx.create('longer', '{"n":"1"}');
        const later = await ctx.put('longer', '{"n":"2"}');
        await ctx.create('a', '{"n":"1"}');
        await refuses('VERSION_CONFLICT', ctx.put('a', '{"n":"2"}', known(later.version)));
        await holds(ctx, 'a', '{"n":"1"}');
      },
    },
    {
      name: 'refuses an expected version of an absent object with VERSION_CONFLICT and creates nothing',
      requires: having('compareAndSet'),
      run: async (ctx) => {
        const { version } = await ctx.create('other', '{"n":"1"}');
        await refuses('VERSION_CONFLICT', ctx.put('a', '{"n":"1"}', known(version)));
        await isAbsent(ctx, 'a');
      },
    },
    {
      name: 'refuses an expected version that is none with VERSION_CONFLICT',
      requires: having('compareAndSet'),
      run: async (ctx) => {
        await ctx.create('a', '{"n":"1"}');
        for (const version of MALFORMED_VERSIONS) {
          await refuses('VERSION_CONFLICT', ctx.put('a', '{"n":"2"}', version));
          await refuses('VERSION_CONFLICT', ctx.put('absent', '{"n":"2"}', version));
        }
        await holds(ctx, 'a', '{"n":"1"}');
      },
    },
    {
      name: 'lets exactly one of many concurrent updates from one version win',
      requires: having('compareAndSet'),
      run: async (ctx) => {
        const base = known((await ctx.create('a', '{"n":"1"}')).version);
        const contents = Array.from({ length: RACERS }, (_, index) => `{"by":"${index}"}`);
        const winner = await oneWins(
          'VERSION_CONFLICT',
          contents.map((text) => ctx.put('a', text, base)),
        );
        await holds(ctx, 'a', contents[winner]!);
      },
    },
    {
      name: 'compares with the newest version also when it is hidden',
      requires: having('compareAndSet', 'softDelete'),
      run: async (ctx) => {
        const first = await ctx.create('a', '{"n":"1"}');
        const second = await ctx.put('a', '{"n":"2"}');
        await ctx.softDelete('a', second.version);
        await refuses('VERSION_CONFLICT', ctx.put('a', '{"n":"3"}', known(first.version)));
        await ctx.put('a', '{"n":"3"}', known(second.version));
        await holds(ctx, 'a', '{"n":"3"}');
      },
    },
    {
      name: 'refuses a condition with UNSUPPORTED where it cannot be held',
      requires: lacking('compareAndSet'),
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        await refuses('UNSUPPORTED', ctx.put('a', '{"n":"2"}', '1'));
        await holds(ctx, 'a', '{"n":"1"}');
      },
    },
  ],
};
