import assert from 'node:assert/strict';
import type { VaultErrorCode } from '../../contract/index.js';
import { CaseContext } from '../case-context.js';
import type { ConformanceCase, ConformanceTheme } from '../conformance-case.js';
import { failureOf, leaksNothing, refuses } from '../expectations.js';
import { both, BULK_READS, FILLABLE_CONTENT, having, lacking } from '../requirement.js';
import type { BrokenState, HarnessHook } from '../vault-harness.js';

const CANARY = 'canary-7f3a"\\ü-in-content';
const CANARY_CONTENT = JSON.stringify({ password: CANARY, [`key-${CANARY}`]: '1' });

type State = {
  readonly hook: BrokenState;
  readonly code: VaultErrorCode;
  readonly when: string;
  /** Whether a write that was answered like this may have been applied all the same. */
  readonly isOutcomeUnknown: boolean;
};

const STATES: readonly State[] = [
  { hook: 'withBadCredentials', code: 'UNAUTHENTICATED', when: 'the credentials are wrong', isOutcomeUnknown: false },
  {
    hook: 'withoutPermission',
    code: 'PERMISSION_DENIED',
    when: 'the credentials may not do it',
    isOutcomeUnknown: false,
  },
  { hook: 'sealed', code: 'SEALED', when: 'the vault is sealed', isOutcomeUnknown: false },
  { hook: 'unreachable', code: 'UNAVAILABLE', when: 'nothing listens at the address', isOutcomeUnknown: false },
  { hook: 'failing', code: 'UNAVAILABLE', when: 'the server fails', isOutcomeUnknown: true },
  { hook: 'throttled', code: 'THROTTLED', when: 'the vault throttles', isOutcomeUnknown: false },
  { hook: 'missingMount', code: 'MISCONFIGURED', when: 'the mount does not exist', isOutcomeUnknown: false },
];

/** Runs with the vault of a hook, which is closed afterwards. */
function within(hook: HarnessHook & BrokenOrLossy, run: (ctx: CaseContext) => Promise<void>): ConformanceCase['run'] {
  return async (ctx) => {
    const vault = await ctx.harness[hook]?.();
    if (!vault) return assert.fail(`the harness offers no ${hook}`);
    try {
      await run(new CaseContext(ctx.kind, ctx.harness, vault));
    } finally {
      await vault.cleanup?.();
    }
  };
}

type BrokenOrLossy = BrokenState | 'losesAnswers';

function casesOf({ hook, code, when, isOutcomeUnknown }: State): readonly ConformanceCase[] {
  return [
    {
      name: `tells reads ${code}, never NOT_FOUND, when ${when}`,
      needs: hook,
      run: within(hook, async (ctx) => {
        await refuses(code, ctx.read('a'));
        await refuses(code, ctx.describe('a'));
      }),
    },
    {
      name: `tells bulk reads ${code}, never an answer, when ${when}`,
      requires: BULK_READS,
      needs: hook,
      run: within(hook, async (ctx) => {
        await refuses(code, ctx.readMany('a', 'b'));
      }),
    },
    {
      name: `tells lists ${code}, never an empty page, when ${when}`,
      needs: hook,
      run: within(hook, async (ctx) => {
        await refuses(code, ctx.page({}));
        await refuses(code, ctx.page({ folder: 'unknown', recursive: true }));
      }),
    },
    {
      name: `tells writes ${code} and ${isOutcomeUnknown ? 'that they may' : 'that they did not'} apply when ${when}`,
      needs: hook,
      run: within(hook, async (ctx) => {
        assert.equal((await refuses(code, ctx.put('a', '{"n":"1"}'))).outcomeUnknown, isOutcomeUnknown);
        const creation = await refuses(code, ctx.create('a', '{"n":"1"}'));
        // A creation may fail while it still looks whether something is there, and then knows that nothing was written.
        if (!isOutcomeUnknown) assert.equal(creation.outcomeUnknown, false);
      }),
    },
    {
      name: `tells deletions ${code}, never success, when ${when}`,
      needs: hook,
      run: within(hook, async (ctx) => {
        await refuses(code, ctx.purge('a'));
        if (ctx.card.softDelete) await refuses(code, ctx.softDelete('a', '1'));
        if (ctx.card.destroyVersion) await refuses(code, ctx.destroy('a', '1'));
      }),
    },
    {
      name: `keeps content and credentials out of errors when ${when}`,
      needs: hook,
      run: within(hook, async (ctx) => {
        const secrets = [CANARY, ...(ctx.harness.credentialTexts ?? [])];
        leaksNothing(await failureOf(ctx.put('a', CANARY_CONTENT)), ...secrets);
        leaksNothing(await failureOf(ctx.create('a', CANARY_CONTENT)), ...secrets);
        leaksNothing(await failureOf(ctx.read('a')), ...secrets);
      }),
    },
  ];
}

export const ERRORS: ConformanceTheme = {
  theme: 'errors',
  cases: [
    ...STATES.flatMap(casesOf),
    {
      name: 'passes on how long a throttling vault asks to wait',
      needs: 'throttledRetryAfterMs',
      run: within('throttled', async (ctx) => {
        const error = await refuses('THROTTLED', ctx.read('a'));
        assert.equal(error.retryAfterMs, ctx.harness.throttledRetryAfterMs);
      }),
    },
    {
      name: 'says that a write may have been applied when its answer is lost',
      needs: 'losesAnswers',
      run: within('losesAnswers', async (ctx) => {
        assert.equal((await refuses('UNAVAILABLE', ctx.put('a', '{"n":"1"}'))).outcomeUnknown, true);
        await refuses('UNAVAILABLE', ctx.create('b', '{"n":"1"}'));
      }),
    },
    {
      name: 'tells reads UNAVAILABLE when the answer is lost',
      needs: 'losesAnswers',
      run: within('losesAnswers', async (ctx) => {
        await refuses('UNAVAILABLE', ctx.read('a'));
        await refuses('UNAVAILABLE', ctx.page({}));
      }),
    },
    {
      name: 'names the kind of vault and the operation in its errors',
      run: async (ctx) => {
        await ctx.put('a', '{"n":"1"}');
        const errors = [
          await refuses('NOT_FOUND', ctx.read('b')),
          await refuses('ALREADY_EXISTS', ctx.create('a', '{"n":"1"}')),
        ];
        assert.deepEqual(
          errors.map(({ backend, operation }) => [backend, operation]),
          [
            [ctx.kind, 'read'],
            [ctx.kind, 'create'],
          ],
        );
      },
    },
    {
      name: 'keeps content out of the error of a refused creation',
      run: async (ctx) => {
        await ctx.put('a', CANARY_CONTENT);
        leaksNothing(await refuses('ALREADY_EXISTS', ctx.create('a', CANARY_CONTENT)), CANARY);
      },
    },
    {
      name: 'keeps content out of the error of a version conflict',
      requires: having('compareAndSet'),
      run: async (ctx) => {
        await ctx.put('a', CANARY_CONTENT);
        leaksNothing(await refuses('VERSION_CONFLICT', ctx.put('a', CANARY_CONTENT, 'other')), CANARY);
      },
    },
    {
      name: 'keeps content out of the error of a content too large',
      requires: FILLABLE_CONTENT,
      run: async (ctx) => {
        const large = JSON.stringify({ a: CANARY, b: 'x'.repeat(ctx.card.maxContentBytes) });
        leaksNothing(await refuses('TOO_LARGE', ctx.put('a', large)), CANARY);
      },
    },
    {
      name: 'keeps content out of the error of a number that would change',
      requires: lacking('exactNumbers'),
      run: async (ctx) => {
        const inexact = `{"a":${JSON.stringify(CANARY)},"n":98765432109876543210.5}`;
        leaksNothing(await refuses('INVALID_VALUE', ctx.put('a', inexact)), CANARY, '98765432109876543210');
      },
    },
    {
      name: 'keeps content out of the error of a refused name',
      run: async (ctx) => {
        leaksNothing(await refuses('INVALID_NAME', ctx.put('a//b', CANARY_CONTENT)), CANARY);
      },
    },
    {
      name: 'keeps content out of the error of a version that is gone',
      requires: both(having('softDelete'), having('versionedReads')),
      run: async (ctx) => {
        await ctx.softDelete('a', (await ctx.put('a', CANARY_CONTENT)).version);
        leaksNothing(await refuses('VERSION_UNAVAILABLE', ctx.read('a')), CANARY);
      },
    },
  ],
};
