import { describe, expect, it } from '@jest/globals';
import { allowed, itDecides, matcherOf, NOW, refused } from './fixtures/matcher-case.js';
import { compilePolicies } from './policy-compiler.js';

describe('PolicyMatcher', () => {
  itDecides([
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
            a: (['create', 'read', 'update', 'patch', 'delete', 'list', 'scan'] as const).filter(
              (c) => c !== operation,
            ),
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
  ]);

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
