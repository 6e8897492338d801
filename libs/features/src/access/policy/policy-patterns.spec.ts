import { describe } from '@jest/globals';
import { allowed, itDecides, refused } from './fixtures/matcher-case.js';

describe('PolicyMatcher, by pattern', () => {
  itDecides([
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
  ]);
});

describe('PolicyMatcher, asked to list', () => {
  itDecides([
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
  ]);
});
