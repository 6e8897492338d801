import assert from 'node:assert/strict';
import type { ConformanceTheme } from '../conformance-case.js';
import { isAllowedName } from '../requirement.js';

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
    {
      name: 'declares limits that make sense and a naming rule that allows plain names',
      run: async (ctx) => {
        const card = await ctx.adapter.capabilities(ctx.call());
        assert.ok(Number.isSafeInteger(card.maxContentBytes) && card.maxContentBytes > 0);
        assert.ok(card.maxVersions === undefined || (Number.isSafeInteger(card.maxVersions) && card.maxVersions > 0));
        assert.ok(isAllowedName(card, 'plain-name'));
        assert.ok(card.name.description.length > 0);
      },
    },
  ],
};
