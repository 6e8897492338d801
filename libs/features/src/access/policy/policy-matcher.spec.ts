import { describe, expect, it } from '@jest/globals';
import type { Capability, Operation } from './capability.js';
import { compilePolicies } from './policy-compiler.js';
import type { PolicyMatcher, Refusal } from './policy-matcher.js';
import { parsePolicy } from './policy-parser.js';

type Stanza = Readonly<Record<string, unknown>>;
type Document = Readonly<Record<string, Stanza | readonly Capability[]>>;

const NOW = new Date('2026-01-01T00:00:00Z');

/** Each document maps patterns to stanzas, or to capabilities in short. */
function matcherOf(...documents: readonly Document[]): PolicyMatcher {
  const policies = documents.map((document, index) => {
    const path = Object.fromEntries(
      Object.entries(document).map(([pattern, stanza]) => [
        pattern,
        Array.isArray(stanza) ? { capabilities: stanza } : stanza,
      ]),
    );
    return { name: `policy-${index}`, policy: parsePolicy(JSON.stringify({ path })) };
  });
  return compilePolicies(policies, { now: NOW });
}

type Case = {
  readonly because: string;
  readonly policies: readonly Document[];
  readonly path: string;
  readonly operation: Operation;
  readonly wins?: string;
  readonly refusal?: Refusal;
};

const allowed = (because: string, rest: Omit<Case, 'because' | 'refusal'>): Case => ({ because, ...rest });
const refused = (because: string, refusal: Refusal, rest: Omit<Case, 'because' | 'refusal'>): Case => ({
  because,
  refusal,
  ...rest,
});

const CASES: readonly Case[] = [
  // Default and vocabulary
  refused('nothing is granted by default', 'no_rule', { policies: [], path: 'a', operation: 'read' }),
  refused('a policy without paths grants nothing', 'no_rule', { policies: [{}], path: 'a', operation: 'read' }),
  refused('a stanza without capabilities grants nothing', 'capability', {
    policies: [{ a: {} }],
    path: 'a',
    operation: 'read',
    wins: 'a',
  }),
  allowed('help is for everyone', { policies: [], path: 'a', operation: 'help' }),
  ...(['create', 'read', 'update', 'patch', 'delete', 'list', 'scan'] as const).flatMap((operation) => [
    allowed(`${operation} needs its own capability`, { policies: [{ a: [operation] }], path: 'a', operation }),
    refused(`no other capability stands in for ${operation}`, 'capability', {
      policies: [
        {
          a: (['create', 'read', 'update', 'patch', 'delete', 'list', 'scan'] as const).filter((c) => c !== operation),
        },
      ],
      path: 'a',
      operation,
    }),
  ]),
  refused('sudo alone grants no operation', 'capability', {
    policies: [{ a: ['sudo'] }],
    path: 'a',
    operation: 'read',
  }),

  // Patterns
  allowed('an exact pattern names its path', { policies: [{ 'k/a': ['read'] }], path: 'k/a', operation: 'read' }),
  refused('an exact pattern names nothing below it', 'no_rule', {
    policies: [{ 'k/a': ['read'] }],
    path: 'k/a/b',
    operation: 'read',
  }),
  refused('an exact pattern is not a prefix', 'no_rule', {
    policies: [{ 'k/a': ['read'] }],
    path: 'k/ab',
    operation: 'read',
  }),
  refused('paths are case-sensitive', 'no_rule', { policies: [{ 'k/a': ['read'] }], path: 'k/A', operation: 'read' }),
  allowed('one leading slash of a pattern is dropped', {
    policies: [{ '/k/a': ['read'] }],
    path: 'k/a',
    operation: 'read',
  }),
  refused('only one leading slash of a pattern is dropped', 'no_rule', {
    policies: [{ '//k/a': ['read'] }],
    path: 'k/a',
    operation: 'read',
  }),
  allowed('leading slashes of a path do not count', {
    policies: [{ 'k/a': ['read'] }],
    path: '//k/a',
    operation: 'read',
  }),
  allowed('a glob matches across slashes', { policies: [{ 'k/*': ['read'] }], path: 'k/a/b/c', operation: 'read' }),
  allowed('a glob matches the empty rest', { policies: [{ 'k/a*': ['read'] }], path: 'k/a', operation: 'read' }),
  allowed('a glob may cut a segment', { policies: [{ 'k/a*': ['read'] }], path: 'k/abc/d', operation: 'read' }),
  refused('secret/* does not match secret', 'no_rule', {
    policies: [{ 'k/*': ['read'] }],
    path: 'k',
    operation: 'read',
  }),
  allowed('a lone * matches everything', { policies: [{ '*': ['read'] }], path: 'k/a', operation: 'read' }),
  allowed('+ stands for one segment', { policies: [{ 'k/+/c': ['read'] }], path: 'k/b/c', operation: 'read' }),
  refused('+ does not stand for two segments', 'no_rule', {
    policies: [{ 'k/+/c': ['read'] }],
    path: 'k/a/b/c',
    operation: 'read',
  }),
  refused('+ does not stand for no segment', 'no_rule', {
    policies: [{ 'k/+/c': ['read'] }],
    path: 'k/c',
    operation: 'read',
  }),
  allowed('+ also stands for an empty segment', { policies: [{ 'k/+': ['list'] }], path: 'k/', operation: 'list' }),
  allowed('+ may come first', { policies: [{ '+/data/a': ['read'] }], path: 'k/data/a', operation: 'read' }),
  allowed('+ may come last', { policies: [{ 'k/+': ['read'] }], path: 'k/a', operation: 'read' }),
  refused('a pattern that ends in + ends there', 'no_rule', {
    policies: [{ 'k/+': ['read'] }],
    path: 'k/a/b',
    operation: 'read',
  }),
  allowed('+ and a glob combine', { policies: [{ 'k/+/b*': ['read'] }], path: 'k/a/bc/d', operation: 'read' }),
  refused('the glob after a + needs its text', 'no_rule', {
    policies: [{ 'k/+/b*': ['read'] }],
    path: 'k/a/cb',
    operation: 'read',
  }),
  refused('the glob after a + needs its segment', 'no_rule', {
    policies: [{ 'k/+/*': ['read'] }],
    path: 'k/a',
    operation: 'read',
  }),
  allowed('a + inside a segment is a plain character', {
    policies: [{ 'k/a+b': ['read'] }],
    path: 'k/a+b',
    operation: 'read',
  }),
  refused('a + inside a segment is no wildcard', 'no_rule', {
    policies: [{ 'k/a+b': ['read'] }],
    path: 'k/axb',
    operation: 'read',
  }),
  allowed('a segment that only starts with + is literal', {
    policies: [{ 'k/+b': ['read'] }],
    path: 'k/+b',
    operation: 'read',
  }),
  refused('a segment that only starts with + is no wildcard', 'no_rule', {
    policies: [{ 'k/+b': ['read'] }],
    path: 'k/xb',
    operation: 'read',
  }),

  // One winner
  refused('exact beats a glob, whatever each says', 'capability', {
    policies: [{ 'k/*': ['read'], 'k/a': ['list'] }],
    path: 'k/a',
    operation: 'read',
    wins: 'k/a',
  }),
  allowed('an allow on the exact path beats a deny on a glob', {
    policies: [{ 'k/*': ['deny'] }, { 'k/a': ['read'] }],
    path: 'k/a',
    operation: 'read',
    wins: 'k/a',
  }),
  refused('a deny on the exact path beats an allow on a glob', 'capability', {
    policies: [{ 'k/*': ['read'] }, { 'k/a': ['deny'] }],
    path: 'k/a',
    operation: 'read',
    wins: 'k/a',
  }),
  allowed('exact beats +', {
    policies: [{ 'k/+': ['deny'], 'k/a': ['read'] }],
    path: 'k/a',
    operation: 'read',
    wins: 'k/a',
  }),
  allowed('the longer glob wins', {
    policies: [{ '*': ['deny'], 'k/*': ['deny'], 'k/a*': ['read'], 'k/ab/*': ['deny'] }],
    path: 'k/ab',
    operation: 'read',
    wins: 'k/a*',
  }),
  allowed('the later first wildcard wins: glob over +', {
    policies: [{ 'k/a*': ['read'], 'k/+/c': ['deny'] }],
    path: 'k/a/c',
    operation: 'read',
    wins: 'k/a*',
  }),
  allowed('the later first wildcard wins: + over glob', {
    policies: [{ 'k/*': ['deny'], 'k/a/+': ['read'] }],
    path: 'k/a/c',
    operation: 'read',
    wins: 'k/a/+',
  }),
  allowed('the later first wildcard wins: + over +', {
    policies: [{ 'k/+/b/c': ['deny'], 'k/a/+/+': ['read'] }],
    path: 'k/a/b/c',
    operation: 'read',
    wins: 'k/a/+/+',
  }),
  allowed('at the same place, what does not end in * wins over a glob', {
    policies: [{ 'k/*': ['deny'], 'k/+': ['read'] }],
    path: 'k/a',
    operation: 'read',
    wins: 'k/+',
  }),
  allowed('at the same place, what does not end in * wins over a longer one that does', {
    policies: [{ 'k/+/abc*': ['deny'], 'k/+/+': ['read'] }],
    path: 'k/x/abcd',
    operation: 'read',
    wins: 'k/+/+',
  }),
  allowed('fewer + win', {
    policies: [{ 'k/+/+/d': ['deny'], 'k/+/c/d': ['read'] }],
    path: 'k/b/c/d',
    operation: 'read',
    wins: 'k/+/c/d',
  }),
  allowed('a glob has no +, and so wins over one that has', {
    policies: [{ 'k/+/*': ['deny'], 'k/*': ['read'] }],
    path: 'k/b/c',
    operation: 'read',
    wins: 'k/*',
  }),
  allowed('the longer of two + globs wins', {
    policies: [{ 'k/+/*': ['deny'], 'k/+/ab*': ['read'], 'k/+/a*': ['deny'] }],
    path: 'k/x/abc',
    operation: 'read',
    wins: 'k/+/ab*',
  }),
  allowed('the greater text wins when nothing else differs', {
    policies: [{ 'k/+/+/b': ['deny'], 'k/+/a/+': ['read'] }],
    path: 'k/x/a/b',
    operation: 'read',
    wins: 'k/+/a/+',
  }),
  allowed('the greater text wins in whichever order they are given', {
    policies: [{ 'k/+/a/+': ['read'] }, { 'k/+/+/b': ['deny'] }],
    path: 'k/x/a/b',
    operation: 'read',
    wins: 'k/+/a/+',
  }),
  allowed('length counts UTF-8 bytes', {
    policies: [{ '+/éé/+': ['read'], '+/+/abc': ['deny'] }],
    path: 'k/éé/abc',
    operation: 'read',
    wins: '+/éé/+',
  }),

  // Lists
  allowed('list: the pattern may lack the trailing slash', {
    policies: [{ 'k/a': ['list'] }],
    path: 'k/a/',
    operation: 'list',
    wins: 'k/a',
  }),
  allowed('list: the pattern may have the trailing slash', {
    policies: [{ 'k/a/': ['list'] }],
    path: 'k/a/',
    operation: 'list',
    wins: 'k/a/',
  }),
  allowed('scan: the pattern may lack the trailing slash', {
    policies: [{ 'k/a': ['scan'] }],
    path: 'k/a/',
    operation: 'scan',
  }),
  refused('other operations do not look past a trailing slash', 'no_rule', {
    policies: [{ 'k/a': ['read'] }],
    path: 'k/a/',
    operation: 'read',
  }),
  allowed('list: with the slash comes first', {
    policies: [{ 'k/a': ['deny'], 'k/a/': ['list'] }],
    path: 'k/a/',
    operation: 'list',
    wins: 'k/a/',
  }),
  refused('list: exact without the slash beats patterns', 'capability', {
    policies: [{ 'k/a': ['deny'], 'k/a/*': ['list'] }],
    path: 'k/a/',
    operation: 'list',
    wins: 'k/a',
  }),
  allowed('list: patterns are tried without the slash last', {
    policies: [{ 'k/+': ['list'] }],
    path: 'k/a/',
    operation: 'list',
    wins: 'k/+',
  }),
  refused('list: a pattern that matches with the slash wins over a later one without', 'capability', {
    policies: [{ '*': ['deny'], 'k/+': ['list'] }],
    path: 'k/a/',
    operation: 'list',
    wins: '*',
  }),
  refused('list: a path without a slash gains none', 'no_rule', {
    policies: [{ 'k/a/': ['list'] }],
    path: 'k/a',
    operation: 'list',
  }),
  refused('list: only one trailing slash is dropped', 'no_rule', {
    policies: [{ 'k/a': ['list'] }],
    path: 'k/a//',
    operation: 'list',
  }),

  // Merging
  allowed('capabilities of one pattern are united over policies', {
    policies: [{ 'k/a': ['list'] }, { 'k/a': ['read'] }],
    path: 'k/a',
    operation: 'read',
  }),
  refused('deny wipes the same pattern in another policy', 'capability', {
    policies: [{ 'k/a': ['read'] }, { 'k/a': ['deny'] }],
    path: 'k/a',
    operation: 'read',
  }),
  refused('deny wipes the rest of its own list', 'capability', {
    policies: [{ 'k/a': ['read', 'deny'] }],
    path: 'k/a',
    operation: 'read',
  }),
  refused('deny wipes a pattern that differs by the leading slash only', 'capability', {
    policies: [{ 'k/a': ['read'] }, { '/k/a': ['deny'] }],
    path: 'k/a',
    operation: 'read',
  }),
  allowed('a glob and an exact pattern of the same text are two patterns', {
    policies: [{ 'k/a*': ['deny'] }, { 'k/a': ['read'] }],
    path: 'k/a',
    operation: 'read',
  }),

  // The old way of writing capabilities
  allowed('policy = read grants read', { policies: [{ a: { policy: 'read' } }], path: 'a', operation: 'read' }),
  allowed('policy = read grants list', { policies: [{ a: { policy: 'read' } }], path: 'a', operation: 'list' }),
  refused('policy = read grants no update', 'capability', {
    policies: [{ a: { policy: 'read' } }],
    path: 'a',
    operation: 'update',
  }),
  ...(['create', 'read', 'update', 'delete', 'list'] as const).map((operation) =>
    allowed(`policy = write grants ${operation}`, { policies: [{ a: { policy: 'write' } }], path: 'a', operation }),
  ),
  refused('policy = write grants no patch', 'capability', {
    policies: [{ a: { policy: 'write' } }],
    path: 'a',
    operation: 'patch',
  }),
  allowed('policy = sudo grants all that write does', {
    policies: [{ a: { policy: 'sudo' } }],
    path: 'a',
    operation: 'create',
  }),
  refused('policy = deny refuses', 'capability', {
    policies: [{ a: { policy: 'deny', capabilities: ['read'] } }],
    path: 'a',
    operation: 'read',
  }),
  allowed('policy and capabilities add up', {
    policies: [{ a: { policy: 'read', capabilities: ['patch'] } }],
    path: 'a',
    operation: 'patch',
  }),
];

describe('PolicyMatcher', () => {
  it.each(CASES)('$because ($operation $path)', ({ policies, path, operation, wins, refusal }) => {
    const result = matcherOf(...policies).match(path, operation);
    expect(result.refusal).toBe(refusal);
    expect(result.allowed).toBe(refusal === undefined);
    if (wins !== undefined) expect(result.rule?.pattern).toBe(wins);
  });

  it('names the capabilities and the policies of the rule that decided', () => {
    const result = matcherOf({ 'k/*': ['sudo', 'read'] }, { 'k/*': ['list'], a: ['read'] }).match('k/a', 'read');
    expect(result.capabilities).toEqual(['read', 'list', 'sudo']);
    expect(result.rule?.policies).toEqual(['policy-0', 'policy-1']);
  });

  it('answers without making a new object', () => {
    const matcher = matcherOf({ 'k/*': ['read'] });
    expect(matcher.match('k/a', 'read')).toBe(matcher.match('k/b', 'read'));
  });

  it('lets the root policy do everything', () => {
    const matcher = compilePolicies([{ name: 'root', policy: { stanzas: [] } }], { now: NOW });
    expect(matcher.isRoot).toBe(true);
    expect(matcher.match('sys/seal', 'update')).toMatchObject({ allowed: true });
    expect(matcher.match('x', 'delete').capabilities).toContain('sudo');
  });

  it('refuses to combine the root policy with others', () => {
    const root = { name: 'root', policy: { stanzas: [] } };
    expect(() => compilePolicies([root, { name: 'x', policy: { stanzas: [] } }], { now: NOW })).toThrow(/root policy/);
  });

  it('says until when it is valid: the first expiration to come', () => {
    const until = (...expirations: readonly string[]): Date | undefined =>
      matcherOf(...expirations.map((expiration) => ({ a: { capabilities: ['read'], expiration } }))).validUntil;
    expect(until()).toBeUndefined();
    expect(until('2020-01-01T00:00:00Z')).toBeUndefined();
    expect(until('2030-01-01T00:00:00Z', '2028-01-01T00:00:00+01:00')).toEqual(new Date('2027-12-31T23:00:00Z'));
  });
});
