import assert from 'node:assert/strict';
import { SecretValue } from '@claviger/kernel';
import type { CaseContext } from '../case-context.js';
import type { ConformanceCase, ConformanceTheme } from '../conformance-case.js';
import { holds, isAbsent, refuses } from '../expectations.js';
import { compareNames, namesBelow } from '../name-order.js';
import { allowingNames, isAllowedName } from '../requirement.js';

/**
 * A name that an encoding mistake would turn into another one. The decoys are the names that known mistakes reach: cut
 * at the character, decoded once more, escaped for HTML, filled in as a template.
 */
type HardName = { readonly what: string; readonly name: string; readonly decoys: readonly string[] };

const HARD_NAMES: readonly HardName[] = [
  { what: 'spaces', name: 'my first secret', decoys: ['my', 'my+first+secret', 'my%20first%20secret'] },
  { what: 'a percent sign', name: '100%', decoys: ['100'] },
  { what: 'what looks percent-encoded', name: 'x%41y', decoys: ['xAy'] },
  { what: 'a hash sign', name: 'team#1', decoys: ['team', 'team%231'] },
  { what: 'a question mark', name: 'what?version=1', decoys: ['what', 'what%3Fversion=1'] },
  { what: 'an equals sign', name: 'key=value', decoys: ['key', 'key&'] },
  { what: 'a plus sign', name: 'c+d', decoys: ['c d'] },
  { what: 'an apostrophe', name: "it's", decoys: ['it', 'it&', 'it&#39;s'] },
  { what: 'double quotes', name: 'a"quoted"b', decoys: ['a', 'a&quot;quoted&quot;b'] },
  { what: 'an ampersand', name: 'q&r', decoys: ['q', 'q&amp;r'] },
  { what: 'angle brackets', name: 'a<b>c', decoys: ['a', 'a&lt;b&gt;c'] },
  { what: 'a semicolon', name: 'a;b=1', decoys: ['a'] },
  { what: 'a template expression', name: '{{name}}', decoys: ['name', ''] },
  { what: 'an asterisk', name: 'all*', decoys: ['all', 'all-of-them'] },
  { what: 'letters beyond ASCII', name: 'ünïcode-鍵', decoys: ['unicode-鍵', 'ünïcode-鍵'.normalize('NFD')] },
  { what: 'characters beyond the basic plane', name: 'key-🔑', decoys: ['key-', 'key-?'] },
  { what: 'sys/health inside', name: 'prod/sys/health', decoys: ['sys/health', 'prod', 'prod/sys'] },
  { what: 'words of a vault API', name: 'data/metadata', decoys: ['metadata', 'data', 'config', 'metadata/data'] },
  { what: 'a leading dot', name: '.env', decoys: ['env'] },
  { what: 'dots between slashes', name: 'a/.../b', decoys: ['a', 'a/b', 'b'] },
  { what: 'words of JavaScript', name: '__proto__', decoys: ['constructor', 'hasOwnProperty', 'proto'] },
  { what: 'twenty folders', name: `${'f/'.repeat(20)}x`, decoys: ['x', 'f', 'f/x', `${'f/'.repeat(19)}x`] },
];

const text = (who: string): string => JSON.stringify({ who });

/** Every operation on one hard name, among its decoys: it is found under exactly that name and nothing else changes. */
async function staysApart(ctx: CaseContext, name: string, candidates: readonly string[]): Promise<void> {
  const decoys = candidates.filter((decoy) => isAllowedName(ctx.card, decoy));
  for (const [index, decoy] of decoys.entries()) await ctx.put(decoy, text(`decoy ${index}`));
  const first = await ctx.create(name, text('first'));
  await ctx.put(name, text('second'));
  await holds(ctx, name, text('second'));
  if (ctx.card.versionedReads) await holds(ctx, name, text('first'), first.version);
  await ctx.describe(name);
  if (ctx.card.metadata) await ctx.setMetadata(name, { marked: 'yes' });
  if (ctx.card.softDelete) await ctx.softDelete(name, first.version);
  if (ctx.card.softDelete) await ctx.undelete(name, first.version);
  if (ctx.card.destroyVersion) await ctx.destroy(name, first.version);
  assert.deepEqual(await ctx.list('', { recursive: true }), namesBelow([name, ...decoys], '', true));
  assert.deepEqual(await ctx.list(''), namesBelow([name, ...decoys], '', false));
  await ctx.purge(name);
  await isAbsent(ctx, name);
  for (const [index, decoy] of decoys.entries()) await holds(ctx, decoy, text(`decoy ${index}`));
  assert.deepEqual(await ctx.list('', { recursive: true }), [...decoys].sort(compareNames));
}

const hardNames: readonly ConformanceCase[] = HARD_NAMES.map(({ what, name, decoys }) => ({
  name: `keeps a name with ${what} apart from all others`,
  requires: allowingNames(name),
  run: (ctx) => staysApart(ctx, name, decoys),
}));

const BAD_NAMES = ['', '/a', 'a/', 'a//b', '.', '..', '../a', 'a/../b', 'a/./b', 'a/..'];

/** A name of exactly this many bytes, folder of the case included, in segments that any file system takes. */
function nameOfBytes(ctx: CaseContext, bytes: number): string {
  const own = bytes - Buffer.byteLength(ctx.path('x')) + 1;
  const isFolded = isAllowedName(ctx.card, 'a/b');
  return Array.from({ length: own }, (_, index) =>
    isFolded && index % 100 === 99 && index < own - 1 ? '/' : 'n',
  ).join('');
}

export const NAMES: ConformanceTheme = {
  theme: 'names',
  cases: [
    ...hardNames,
    {
      name: 'keeps names apart that differ in case only',
      requires: allowingNames('a', 'A'),
      run: (ctx) => staysApart(ctx, 'Token', ['token', 'TOKEN']),
    },
    {
      name: 'keeps an object apart from those below its name',
      requires: allowingNames('db/user'),
      run: (ctx) => staysApart(ctx, 'db', ['db/user', 'db/user/old', 'db2']),
    },
    {
      name: 'keeps an object apart from the one above its name',
      requires: allowingNames('app/user'),
      run: (ctx) => staysApart(ctx, 'app/user', ['app', 'app/user2']),
    },
    {
      name: 'accepts a name of the greatest length',
      run: async (ctx) => {
        const longest = nameOfBytes(ctx, ctx.card.name.maxBytes);
        await ctx.create(longest, text('long'));
        await holds(ctx, longest, text('long'));
        assert.deepEqual(await ctx.list('', { recursive: true }), [longest]);
      },
    },
    {
      name: 'refuses a name that is one byte too long with INVALID_NAME',
      run: async (ctx) => {
        const tooLong = nameOfBytes(ctx, ctx.card.name.maxBytes + 1);
        await refuses('INVALID_NAME', ctx.put(tooLong, text('long')));
        await refuses('INVALID_NAME', ctx.read(tooLong));
        assert.deepEqual(await ctx.list('', { recursive: true }), []);
      },
    },
    {
      name: 'counts the bytes of a name, not its characters',
      requires: allowingNames('ü'),
      run: async (ctx) => {
        const tooLong = 'ü'.repeat(Math.floor(ctx.card.name.maxBytes / 2) + 1);
        await refuses('INVALID_NAME', ctx.put(tooLong, text('long')));
      },
    },
    {
      name: 'refuses to write under a name that is no path, or climbs, with INVALID_NAME',
      run: async (ctx) => {
        for (const bad of BAD_NAMES) {
          const name = `${ctx.path('x').slice(0, -1)}${bad}`;
          if (name === '') continue;
          assert.ok(!isAllowedName(ctx.card, name), `the card allows ${JSON.stringify(name)}`);
          await refuses('INVALID_NAME', ctx.adapter.put(ctx.call(), name, new SecretValue(text('bad'))));
          await refuses('INVALID_NAME', ctx.adapter.create(ctx.call(), name, new SecretValue(text('bad'))));
        }
        assert.deepEqual(await ctx.list('', { recursive: true }), []);
      },
    },
    {
      name: 'refuses to read or purge a name that is no path, or climbs, with INVALID_NAME',
      run: async (ctx) => {
        for (const bad of BAD_NAMES) {
          const name = `${ctx.path('x').slice(0, -1)}${bad}`;
          await refuses('INVALID_NAME', ctx.adapter.read(ctx.call(), name));
          await refuses('INVALID_NAME', ctx.adapter.purge(ctx.call(), name));
        }
      },
    },
  ],
};
