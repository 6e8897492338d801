import { filterPath } from './list-filter.js';
import type { PolicyMatcher } from './policy-matcher.js';
import { isRootProtected } from './root-protected-paths.js';
import type { Rule } from './rule.js';

/**
 * The keys of a list that its caller may see under the winning rule's filters: those whose filter path may be read, or
 * listed when the key is a folder (`key/`). `path` is the list's own, with its trailing slash. Without filters, all.
 */
export function visibleKeys(
  matcher: PolicyMatcher,
  rule: Rule | undefined,
  path: string,
  keys: readonly string[],
): readonly string[] {
  const filters = rule?.listFilters ?? [];
  if (filters.length === 0) return keys;
  const mayUse = (key: string, target: string): boolean => {
    const { allowed, capabilities } = matcher.match(target, key.endsWith('/') ? 'list' : 'read', { parameters: {} });
    return allowed && (!isRootProtected(target) || capabilities.includes('sudo'));
  };
  return keys.filter((key) => filters.every((filter) => mayUse(key, filterPath(filter, path, key))));
}
