import type { NamedPolicy } from './parsed-policy.js';
import { comparePriority, parsePathPattern, type PathPattern } from './path-pattern.js';
import { resolvePathTemplate, UNSAFE_VALUE, type TemplateIdentity } from './path-template.js';
import { policyRefused } from './policy.errors.js';
import {
  compileRule,
  IndexedMatcher,
  REFUSING_MATCHER,
  ROOT_MATCHER,
  type CompiledRule,
  type PolicyMatcher,
} from './policy-matcher.js';
import { PrefixTable } from './prefix-table.js';
import { mergeStanzas, type SourcedStanza } from './rule.js';
import { SegmentTrie, type Ranked } from './segment-trie.js';

/** Name of the policy that is allowed everything; it has no text and stands alone. */
export const ROOT_POLICY = 'root';

export type CompileOptions = {
  /** Stanzas that expired before this moment say nothing. */
  readonly now: Date;
  /** Whom templated paths speak about; without it they are skipped. */
  readonly identity?: TemplateIdentity;
};

type Entry = Ranked<CompiledRule> & { readonly pattern: PathPattern };

/**
 * Compiles a set of policies into a matcher. Neither the order of the policies nor that of their stanzas matters. An empty
 * set refuses everything, and so does one with a path that cannot be resolved safely for the identity.
 * @throws AppError `POLICY_INVALID` when the root policy is combined with others.
 */
export function compilePolicies(policies: readonly NamedPolicy[], { now, identity }: CompileOptions): PolicyMatcher {
  if (policies.some((policy) => policy.name === ROOT_POLICY)) {
    if (policies.length === 1) return ROOT_MATCHER;
    throw policyRefused('the root policy cannot be combined with other policies; use it alone or leave it out.');
  }
  const byPattern = new Map<string, { pattern: PathPattern; stanzas: SourcedStanza[] }>();
  let validUntil: Date | undefined;
  for (const { name, policy } of policies) {
    for (const stanza of policy.stanzas) {
      const { expiresAt } = stanza;
      if (expiresAt && now > expiresAt) continue;
      const text = resolvePathTemplate(stanza.template, identity);
      if (text === UNSAFE_VALUE) return REFUSING_MATCHER;
      const pattern = text === undefined ? undefined : parsePathPattern(text);
      if (!pattern || 'problem' in pattern) continue;
      if (expiresAt && (!validUntil || expiresAt < validUntil)) validUntil = expiresAt;
      const group = byPattern.get(pattern.text) ?? { pattern, stanzas: [] };
      group.stanzas.push({ ...stanza, policy: name });
      byPattern.set(pattern.text, group);
    }
  }
  const entries = [...byPattern.values()]
    .sort((a, b) => comparePriority(a.pattern, b.pattern))
    .map(({ pattern, stanzas }, rank): Entry => {
      return { pattern, rank, value: compileRule(mergeStanzas(pattern.text, stanzas)) };
    });
  return new IndexedMatcher(indexOf(entries), validUntil);
}

function indexOf(entries: readonly Entry[]): ConstructorParameters<typeof IndexedMatcher>[0] {
  const of = (kind: PathPattern['kind']): readonly Entry[] => entries.filter((entry) => entry.pattern.kind === kind);
  const segments = of('segments');
  return {
    exact: new Map(of('exact').map((entry) => [entry.pattern.text, entry.value])),
    globs: new PrefixTable(new Map(of('glob').map((entry) => [entry.pattern.literal, entry]))),
    ...(segments.length > 0 && { segments: new SegmentTrie(segments) }),
  };
}
