import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { SecretValue } from '@claviger/kernel';
import { isVaultError } from '../../contract/index.js';
import type { CaseContext } from '../case-context.js';
import type { ConformanceCase, ConformanceTheme } from '../conformance-case.js';
import { failureOf, holds, isAbsent, refuses } from '../expectations.js';
import { allowingBytes, both, FILLABLE_CONTENT, having, lacking, type Requirement } from '../requirement.js';

const KIB = 1024;

/** A content that must come back equal, both from a creation and from an update. */
function keeps(what: string, text: string, requires?: Requirement): ConformanceCase {
  return {
    name: `keeps ${what}`,
    ...(requires ? { requires } : {}),
    run: async (ctx) => {
      await ctx.create('created', text);
      await holds(ctx, 'created', text);
      await ctx.put('updated', '{"before":"this"}');
      await ctx.put('updated', text);
      await holds(ctx, 'updated', text);
    },
  };
}

/** A content that cannot be kept: refused by the pointer of its field, before anything is written. */
function refusesValue(what: string, text: string, pointer: string, requires: Requirement): ConformanceCase {
  return {
    name: `refuses ${what} with INVALID_VALUE, naming the field`,
    requires,
    run: async (ctx) => {
      assert.equal((await refuses('INVALID_VALUE', ctx.create('a', text))).details?.['pointer'], pointer);
      await isAbsent(ctx, 'a');
      await ctx.put('b', '{"kept":"yes"}');
      assert.equal((await refuses('INVALID_VALUE', ctx.put('b', text))).details?.['pointer'], pointer);
      await holds(ctx, 'b', '{"kept":"yes"}');
    },
  };
}

/** Where backends differ, nothing but keeping it or refusing it is right: never a changed value. */
function keepsOrRefuses(what: string, text: string, code: 'INVALID_VALUE' | 'TOO_LARGE'): ConformanceCase {
  return {
    name: `keeps ${what}, or refuses it with ${code}`,
    run: async (ctx) => {
      const failure = await failureOf(ctx.create('a', text));
      if (failure === undefined) return holds(ctx, 'a', text);
      assert.ok(isVaultError(failure, code), `refused, but not with ${code}`);
      await isAbsent(ctx, 'a');
    },
  };
}

/** A content of exactly this many bytes of JSON text. */
function contentOfBytes(bytes: number, filler = 'x'): string {
  const frame = '{"k":""}';
  const room = bytes - frame.length;
  const width = Buffer.byteLength(filler);
  return `{"k":"${filler.repeat(Math.floor(room / width))}${'x'.repeat(room % width)}"}`;
}

async function refusesTooLarge(ctx: CaseContext, text: string): Promise<void> {
  await refuses('TOO_LARGE', ctx.create('a', text));
  await isAbsent(ctx, 'a');
}

const keyed = (count: number): string =>
  JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, index) => [`key-${index}`, `v${index}`])));

const nested = (depth: number): string => `${'{"a":['.repeat(depth / 2)}"deep"${']}'.repeat(depth / 2)}`;

const controlCharacters = JSON.stringify({
  c0: String.fromCharCode(...Array.from({ length: 32 }, (_, code) => code)),
  del: '\u007f\u0080\u009f',
  separators: '\u2028\u2029\ufeff',
});

export const VALUES: ConformanceTheme = {
  theme: 'values',
  cases: [
    keeps('nested objects and arrays', '{"a":{"b":[1,[2,{"c":[]}],{}],"d":{"e":{"f":"g"}}},"list":["y","x","y"]}'),
    keeps('fifty levels of nesting', nested(50)),
    keeps('null, true and false', '{"nothing":null,"yes":true,"no":false,"list":[null,false]}'),
    keeps('empty strings and empty containers', '{"empty":"","object":{},"array":[],"inside":{"blank":""}}'),
    keeps('the empty key', '{"":"under no name"}'),
    keeps(
      'strings that look like other types',
      '{"n":"0123","b":"true","z":"null","j":"{\\"a\\": 1}","d":"2024-02-30"}',
    ),
    keeps(
      'the white space of strings',
      JSON.stringify({ pem: '-----BEGIN KEY-----\nAA==\n-----END KEY-----\n', s: '  x\t\r\n ' }),
    ),
    keeps(
      'letters of all scripts and their exact form',
      '{"nfc":"\u00e9","nfd":"e\u0301","ar":"\u0645\u0631","zh":"\u9375","emoji":"\u{1f511}\u200d"}',
    ),
    keeps('control characters in strings', controlCharacters),
    keeps('characters that HTML and shells know', `{"x":"<a href='b'>&amp;</a> $HOME \`id\` \\\\ %s {{name}}"}`),
    keeps(
      'keys named like members of JavaScript objects',
      '{"__proto__":{"admin":true},"constructor":"c","toString":"t"}',
    ),
    keeps('keys with dots, slashes, tildes and spaces', '{"a.b":"1","/c/d":"2","~e~1":"3","with space":"4","ünï":"5"}'),
    keeps('four hundred keys', keyed(400)),
    keepsOrRefuses('two thousand keys', keyed(2000), 'TOO_LARGE'),

    keeps(
      'numbers that a double holds',
      '{"i":9007199254740991,"n":-42,"f":0.1,"e":1e21,"s":5e-324,"list":[1.5,-2e3]}',
    ),
    keeps('1.10', '{"price":1.10}'),
    keeps('negative zero and other spellings of zero', '{"a":-0,"b":0.0,"c":0e5}'),
    keeps('a whole number of twenty digits', '{"n":12345678901234567890}', having('exactNumbers')),
    keeps('a decimal of twenty-three digits', '{"n":-0.12345678901234567890123}', having('exactNumbers')),
    refusesValue('a whole number of twenty digits', '{"ok":1,"n":12345678901234567890}', '/n', lacking('exactNumbers')),
    refusesValue(
      'a decimal of twenty-three digits',
      '{"a":{"n":0.12345678901234567890123}}',
      '/a/n',
      lacking('exactNumbers'),
    ),
    refusesValue(
      'an inexact number in an array',
      '{"a/b":[0,{"m~n":9007199254740993}]}',
      '/a~1b/1/m~0n',
      lacking('exactNumbers'),
    ),
    keepsOrRefuses('1e400', '{"huge":1e400}', 'INVALID_VALUE'),

    keeps('a content of 64 KiB', contentOfBytes(64 * KIB), allowingBytes(64 * KIB)),
    {
      name: 'keeps a content of the greatest size',
      requires: FILLABLE_CONTENT,
      run: async (ctx) => {
        const largest = contentOfBytes(ctx.card.maxContentBytes);
        await ctx.create('a', largest);
        await holds(ctx, 'a', largest);
      },
    },
    {
      name: 'refuses a content that is one byte too large with TOO_LARGE',
      requires: FILLABLE_CONTENT,
      run: (ctx) => refusesTooLarge(ctx, contentOfBytes(ctx.card.maxContentBytes + 1)),
    },
    {
      name: 'counts the bytes of a content, not its characters',
      requires: FILLABLE_CONTENT,
      run: (ctx) => refusesTooLarge(ctx, contentOfBytes(ctx.card.maxContentBytes + 2, 'é')),
    },
    {
      name: 'leaves an object as it is when an update is too large',
      requires: FILLABLE_CONTENT,
      run: async (ctx) => {
        await ctx.put('a', '{"kept":"yes"}');
        await refuses('TOO_LARGE', ctx.put('a', contentOfBytes(ctx.card.maxContentBytes + 1)));
        await holds(ctx, 'a', '{"kept":"yes"}');
      },
    },
    {
      name: 'leaves no metadata behind when a creation is refused for its content',
      requires: both(FILLABLE_CONTENT, having('metadata')),
      run: async (ctx) => {
        await refuses('TOO_LARGE', ctx.create('a', contentOfBytes(ctx.card.maxContentBytes + 1), { owner: 'me' }));
        await isAbsent(ctx, 'a');
      },
    },
    {
      name: 'gives content wrapped, so that printing a result shows nothing',
      run: async (ctx) => {
        await ctx.put('a', '{"password":"canary-in-content"}');
        const result = await ctx.adapter.read(ctx.call(), ctx.path('a'));
        assert.ok(result.content instanceof SecretValue);
        assert.ok(!`${inspect(result, { depth: Infinity })}${JSON.stringify(result)}`.includes('canary'));
      },
    },
  ],
};
