import assert from 'node:assert/strict';
import { SecretValue } from '@claviger/kernel';
import { isVaultError, type AdapterCall } from '../../contract/index.js';
import { CaseContext } from '../case-context.js';
import type { ConformanceCase, ConformanceTheme } from '../conformance-case.js';
import { failureOf, holds, isAbsent, refuses } from '../expectations.js';
import { BULK_READS, having } from '../requirement.js';

const content = new SecretValue('{"n":"2"}');

/** A call of which the caller has given up already. */
function abandoned(ctx: CaseContext, reason?: unknown): AdapterCall {
  return ctx.call(AbortSignal.abort(reason));
}

/** Starts a call on a vault that never answers, and gives it up once it is under way. */
function whileStalled(
  attempt: (ctx: CaseContext, call: AdapterCall) => Promise<unknown>,
  isOutcomeUnknown: boolean,
): ConformanceCase['run'] {
  return async (ctx) => {
    const vault = await ctx.harness.stalled?.();
    if (!vault) return assert.fail('the harness offers no stalled');
    try {
      const stalled = new CaseContext(ctx.kind, ctx.harness, vault);
      const caller = new AbortController();
      const result = refuses('CANCELLED', attempt(stalled, ctx.call(caller.signal)));
      await vault.reached;
      caller.abort();
      assert.equal((await result).outcomeUnknown, isOutcomeUnknown);
    } finally {
      await vault.cleanup?.();
    }
  };
}

export const CANCELLATION: ConformanceTheme = {
  theme: 'cancellation',
  cases: [
    {
      name: 'reads nothing for a caller who has given up',
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        await refuses('CANCELLED', ctx.adapter.read(abandoned(ctx), ctx.path('a')));
        await refuses('CANCELLED', ctx.adapter.describe(abandoned(ctx), ctx.path('a')));
      },
    },
    {
      name: 'reads nothing at once for a caller who has given up',
      requires: BULK_READS,
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        await refuses('CANCELLED', ctx.adapter.readMany(abandoned(ctx), [ctx.path('a'), ctx.path('b')]));
        await refuses('CANCELLED', ctx.adapter.readMany(abandoned(ctx), []));
      },
    },
    {
      name: 'lists nothing for a caller who has given up',
      run: async (ctx) => {
        const query = { prefix: ctx.path(''), recursive: true, limit: 10 };
        await refuses('CANCELLED', ctx.adapter.list(abandoned(ctx), query));
      },
    },
    {
      name: 'creates nothing for a caller who has given up',
      run: async (ctx) => {
        const error = await refuses('CANCELLED', ctx.adapter.create(abandoned(ctx), ctx.path('a'), content));
        assert.equal(error.outcomeUnknown, false);
        await isAbsent(ctx, 'a');
      },
    },
    {
      name: 'writes nothing for a caller who has given up',
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        const error = await refuses('CANCELLED', ctx.adapter.put(abandoned(ctx), ctx.path('a'), content));
        assert.equal(error.outcomeUnknown, false);
        await holds(ctx, 'a', '{"n":"1"}');
      },
    },
    {
      name: 'purges nothing for a caller who has given up',
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        await refuses('CANCELLED', ctx.adapter.purge(abandoned(ctx), ctx.path('a')));
        await holds(ctx, 'a', '{"n":"1"}');
      },
    },
    {
      name: 'hides and destroys nothing for a caller who has given up',
      requires: having('softDelete', 'destroyVersion'),
      run: async (ctx) => {
        const version = (await ctx.put('a', '{"n":"1"}')).version ?? '';
        await refuses('CANCELLED', ctx.adapter.softDelete(abandoned(ctx), ctx.path('a'), [version]));
        await refuses('CANCELLED', ctx.adapter.destroy(abandoned(ctx), ctx.path('a'), [version]));
        await holds(ctx, 'a', '{"n":"1"}');
      },
    },
    {
      name: 'sets no metadata for a caller who has given up',
      requires: having('metadata'),
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        await refuses('CANCELLED', ctx.adapter.setMetadata(abandoned(ctx), ctx.path('a'), { owner: 'us' }));
        assert.deepEqual((await ctx.describe('a')).metadata, {});
      },
    },
    {
      name: 'tells CANCELLED also when it was a deadline that passed',
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        const late = new DOMException('The deadline passed.', 'TimeoutError');
        await refuses('CANCELLED', ctx.adapter.read(abandoned(ctx, late), ctx.path('a')));
        await refuses('CANCELLED', ctx.adapter.put(abandoned(ctx, late), ctx.path('a'), content));
      },
    },
    {
      name: 'ends a write given up under way as CANCELLED or as done, and says which',
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        const caller = new AbortController();
        const result = failureOf(ctx.adapter.put(ctx.call(caller.signal), ctx.path('a'), content));
        caller.abort();
        const failure = await result;
        if (failure === undefined) return holds(ctx, 'a', '{"n":"2"}');
        assert.ok(isVaultError(failure, 'CANCELLED'), 'ended, but not with CANCELLED');
        if (!failure.outcomeUnknown) await holds(ctx, 'a', '{"n":"1"}');
      },
    },
    {
      name: 'leaves a finished write alone when its caller gives up afterwards',
      run: async (ctx) => {
        const caller = new AbortController();
        await ctx.adapter.put(ctx.call(caller.signal), ctx.path('a'), content);
        caller.abort();
        await holds(ctx, 'a', '{"n":"2"}');
      },
    },
    {
      name: 'gives up a read that the vault does not answer',
      needs: 'stalled',
      run: whileStalled((ctx, call) => ctx.adapter.read(call, ctx.path('a')), false),
    },
    {
      name: 'gives up a bulk read that the vault does not answer',
      requires: BULK_READS,
      needs: 'stalled',
      run: whileStalled((ctx, call) => ctx.adapter.readMany(call, [ctx.path('a'), ctx.path('b')]), false),
    },
    {
      name: 'gives up a list that the vault does not answer',
      needs: 'stalled',
      run: whileStalled(
        (ctx, call) => ctx.adapter.list(call, { prefix: ctx.path(''), recursive: true, limit: 10 }),
        false,
      ),
    },
    {
      name: 'gives up a write that the vault does not answer, and says that it may have been applied',
      needs: 'stalled',
      run: whileStalled((ctx, call) => ctx.adapter.put(call, ctx.path('a'), content), true),
    },
  ],
};
