import { describe } from '@jest/globals';
import { allowed, itDecides, refused } from './fixtures/matcher-case.js';

describe('PolicyMatcher, of several rules that match', () => {
  itDecides([
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
  ]);
});
