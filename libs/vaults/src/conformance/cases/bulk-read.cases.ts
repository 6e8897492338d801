import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { SecretValue } from '@claviger/kernel';
import type { CaseContext, OpenedAnswer } from '../case-context.js';
import type { ConformanceTheme } from '../conformance-case.js';
import { refuses, sameJson } from '../expectations.js';
import { both, BULK_READS, FILLABLE_CONTENT, having, lacking, SINGLE_READS, VERSION_IDS } from '../requirement.js';

const text = (n: number | string): string => `{"bulk":"${n}"}`;

async function store(ctx: CaseContext, ...names: readonly string[]): Promise<void> {
  // One after another: emulators break when they are written to at once.
  for (const name of names) await ctx.create(name, text(name));
}

/** The answers are these, in this order: a text, or the code of an error. */
function answered(
  answers: readonly OpenedAnswer[],
  expected: readonly (readonly [name: string, what: string])[],
): void {
  assert.deepEqual(
    answers.map(({ name }) => name),
    expected.map(([name]) => name),
  );
  for (const [index, answer] of answers.entries()) {
    const [name, what] = expected[index]!;
    if ('code' in answer) assert.equal(answer.code, what, `${name} was answered with ${answer.code}`);
    else sameJson(answer.text, what);
  }
}

/** As many names as one bulk read takes. */
function fullBatch(ctx: CaseContext): readonly string[] {
  return Array.from({ length: ctx.card.maxBulkRead! }, (_, index) => `n-${String(index).padStart(4, '0')}`);
}

export const BULK_READING: ConformanceTheme = {
  theme: 'bulk reads',
  cases: [
    {
      name: 'reads several objects at once, in the order of the names asked for',
      requires: BULK_READS,
      run: async (ctx) => {
        await store(ctx, 'a', 'b', 'c');
        answered(await ctx.readMany('b', 'c', 'a'), [
          ['b', text('b')],
          ['c', text('c')],
          ['a', text('a')],
        ]);
      },
    },
    {
      name: 'answers a name of a bulk read as often as it is asked for',
      requires: BULK_READS,
      run: async (ctx) => {
        await store(ctx, 'a');
        answered(await ctx.readMany('a', 'a'), [
          ['a', text('a')],
          ['a', text('a')],
        ]);
      },
    },
    {
      name: 'answers NOT_FOUND for what is absent, and gives the others all the same',
      requires: BULK_READS,
      run: async (ctx) => {
        await store(ctx, 'a', 'c');
        answered(await ctx.readMany('a', 'b', 'c'), [
          ['a', text('a')],
          ['b', 'NOT_FOUND'],
          ['c', text('c')],
        ]);
      },
    },
    {
      name: 'answers INVALID_NAME for a name that is not allowed, and gives the others all the same',
      requires: BULK_READS,
      run: async (ctx) => {
        await store(ctx, 'a', 'c');
        answered(await ctx.readMany('a', 'b//b', 'c'), [
          ['a', text('a')],
          ['b//b', 'INVALID_NAME'],
          ['c', text('c')],
        ]);
      },
    },
    {
      name: 'gives the current version of each object of a bulk read',
      requires: both(BULK_READS, VERSION_IDS),
      run: async (ctx) => {
        await store(ctx, 'a', 'b');
        const { version } = await ctx.put('a', text('a again'));
        const [answer] = await ctx.readMany('a', 'b');
        assert.ok(answer && 'text' in answer);
        sameJson(answer.text, text('a again'));
        assert.equal(answer.version, version);
      },
    },
    {
      name: 'answers VERSION_UNAVAILABLE for what is hidden, and gives the others all the same',
      requires: both(BULK_READS, having('softDelete', 'versionedReads')),
      run: async (ctx) => {
        await store(ctx, 'a', 'c');
        await ctx.softDelete('b', (await ctx.put('b', text('b'))).version);
        answered(await ctx.readMany('a', 'b', 'c'), [
          ['a', text('a')],
          ['b', 'VERSION_UNAVAILABLE'],
          ['c', text('c')],
        ]);
      },
    },
    {
      name: 'answers NOT_FOUND for what waits for its deletion, and gives the others all the same',
      requires: both(BULK_READS, lacking('immediatePurge')),
      run: async (ctx) => {
        await store(ctx, 'a', 'b', 'c');
        await ctx.purge('b');
        answered(await ctx.readMany('a', 'b', 'c'), [
          ['a', text('a')],
          ['b', 'NOT_FOUND'],
          ['c', text('c')],
        ]);
      },
    },
    {
      name: 'reads as many objects at once as the card says',
      requires: BULK_READS,
      run: async (ctx) => {
        const names = fullBatch(ctx);
        await store(ctx, ...names);
        answered(
          await ctx.readMany(...names),
          names.map((name) => [name, text(name)]),
        );
      },
    },
    {
      name: 'reads as many contents of the greatest size at once',
      requires: both(BULK_READS, FILLABLE_CONTENT),
      run: async (ctx) => {
        const names = fullBatch(ctx);
        // Characters that take most on a wire of JSON.
        const large = (name: string): string => {
          const room = ctx.card.maxContentBytes - text(name).length;
          return text(name + '\\"'.repeat(room / 2));
        };
        for (const name of names) await ctx.create(name, large(name));
        answered(
          await ctx.readMany(...names),
          names.map((name) => [name, large(name)]),
        );
      },
    },
    {
      name: 'refuses to read more at once than the card says with UNSUPPORTED',
      requires: BULK_READS,
      run: async (ctx) => {
        await refuses('UNSUPPORTED', ctx.readMany(...fullBatch(ctx), 'one-more'));
      },
    },
    {
      name: 'answers nothing where nothing is asked for',
      requires: BULK_READS,
      run: async (ctx) => {
        assert.deepEqual(await ctx.readMany(), []);
      },
    },
    {
      name: 'refuses to read several at once with UNSUPPORTED where that cannot be done',
      requires: SINGLE_READS,
      run: async (ctx) => {
        await store(ctx, 'a', 'b');
        await refuses('UNSUPPORTED', ctx.readMany('a', 'b'));
      },
    },
    {
      name: 'gives the contents of a bulk read wrapped, so that printing them shows nothing',
      requires: BULK_READS,
      run: async (ctx) => {
        await ctx.put('a', '{"password":"canary-in-content"}');
        const answers = await ctx.adapter.readMany(ctx.call(), [ctx.path('a')]);
        assert.ok(answers[0]?.found?.content instanceof SecretValue);
        assert.ok(!`${inspect(answers, { depth: Infinity })}${JSON.stringify(answers)}`.includes('canary'));
      },
    },
  ],
};
