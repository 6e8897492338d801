import assert from 'node:assert/strict';
import type { ConformanceTheme } from '../conformance-case.js';

export const CARD: ConformanceTheme = {
  theme: 'card',
  cases: [
    {
      name: 'carries the name of its kind',
      run: async (ctx) => {
        assert.equal(ctx.adapter.kind, ctx.kind);
      },
    },
    {
      name: 'declares the capabilities that are expected of it',
      run: async (ctx) => {
        assert.deepEqual(await ctx.adapter.capabilities(ctx.call()), ctx.card);
      },
    },
  ],
};
