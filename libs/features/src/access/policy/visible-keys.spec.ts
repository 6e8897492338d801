import { describe, expect, it } from '@jest/globals';
import { compilePolicies } from './policy-compiler.js';
import type { PolicyMatcher } from './policy-matcher.js';
import { parsePolicy } from './policy-parser.js';
import { visibleKeys } from './visible-keys.js';

const FILTER = '{{ .path }}{{ .key }}';

function matcherOf(...paths: readonly Readonly<Record<string, unknown>>[]): PolicyMatcher {
  const policies = paths.map((path, index) => ({ name: `p${index}`, policy: parsePolicy(JSON.stringify({ path })) }));
  return compilePolicies(policies, { now: new Date(0) });
}

const shown = (matcher: PolicyMatcher, keys: readonly string[]): readonly string[] =>
  visibleKeys(matcher, matcher.match('k/', 'list').rule, 'k/', keys);

const filtered = (filter: string = FILTER): object => ({
  capabilities: ['list'],
  list_scan_response_keys_filter_path: filter,
});

describe('visibleKeys', () => {
  it('shows all keys without a filter', () => {
    expect(shown(matcherOf({ 'k/': { capabilities: ['list'] } }), ['a', 'b/'])).toEqual(['a', 'b/']);
  });

  it('shows a key whose path may be read, and a folder whose path may be listed', () => {
    const matcher = matcherOf({
      'k/': filtered(),
      'k/a': { capabilities: ['read'] },
      'k/b': { capabilities: ['list'] },
      'k/f/': { capabilities: ['list'] },
      'k/g/': { capabilities: ['read'] },
    });
    expect(shown(matcher, ['a', 'b', 'c', 'f/', 'g/'])).toEqual(['a', 'f/']);
  });

  it('shows a key only if the filters of all policies let it', () => {
    const matcher = matcherOf(
      { 'k/': filtered(), 'k/*': { capabilities: ['read'] } },
      { 'k/': filtered('other/{{ .key }}'), 'other/a': { capabilities: ['read'] } },
    );
    expect(shown(matcher, ['a', 'b'])).toEqual(['a']);
  });

  it('asks for sudo where the filter leads to a root-protected path', () => {
    const to = (capabilities: readonly string[]): PolicyMatcher =>
      matcherOf({ 'k/': filtered('sys/{{ .key }}'), 'sys/*': { capabilities } });
    expect(shown(to(['read']), ['seal', 'mounts'])).toEqual(['mounts']);
    expect(shown(to(['read', 'sudo']), ['seal', 'mounts'])).toEqual(['seal', 'mounts']);
  });
});
