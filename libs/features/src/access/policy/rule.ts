import { capabilitiesOf, withoutDenied, type Capability, type Operation } from './capability.js';
import type { ListFilter } from './list-filter.js';
import { mergeConditions, type ParameterConditions } from './parameter-conditions.js';
import type { PolicyStanza } from './parsed-policy.js';

/** All that a set of policies says about one pattern, merged. Immutable. */
export type Rule = {
  /** The pattern, resolved and without one leading `/`. */
  readonly pattern: string;
  /** The policies that speak about the pattern, sorted by name. */
  readonly policies: readonly string[];
  readonly capabilities: readonly Capability[];
  readonly conditions: ParameterConditions;
  readonly minWrappingTtlSeconds: number;
  readonly maxWrappingTtlSeconds: number;
  readonly paginationLimit: number;
  /** A key of a list is shown only if every filter's path may be read (listed, for a folder). */
  readonly listFilters: readonly ListFilter[];
  readonly controlled: readonly Operation[];
};

/** A stanza with the policy that it stands in. */
export type SourcedStanza = PolicyStanza & { readonly policy: string };

/**
 * Merges the stanzas of one pattern: capabilities are united, `deny` wipes the others; parameters are merged
 * ({@link mergeConditions}); the lowest of each wrapping TTL and of the pagination limits counts; control groups and list
 * filters add up. The order of the stanzas does not matter. (OpenBao keeps the control group and the list filter of
 * whichever policy it happens to read first; adding them up is the strictest of its possible answers.)
 */
export function mergeStanzas(pattern: string, stanzas: readonly SourcedStanza[]): Rule {
  const mask = withoutDenied(stanzas.reduce((union, stanza) => union | stanza.mask, 0));
  return {
    pattern,
    policies: [...new Set(stanzas.map((stanza) => stanza.policy))].sort(),
    capabilities: capabilitiesOf(mask),
    conditions: stanzas.map((stanza) => stanza.conditions).reduce(mergeConditions, NOTHING),
    minWrappingTtlSeconds: lowest(stanzas.map((stanza) => stanza.minWrappingTtlSeconds)),
    maxWrappingTtlSeconds: lowest(stanzas.map((stanza) => stanza.maxWrappingTtlSeconds)),
    paginationLimit: lowest(stanzas.map((stanza) => stanza.paginationLimit)),
    listFilters: stanzas.flatMap((stanza) => stanza.listFilters),
    controlled: [...new Set(stanzas.flatMap((stanza) => stanza.controlled))].sort(),
  };
}

const NOTHING: ParameterConditions = { allowed: new Map(), denied: new Map(), required: [] };

/** The lowest of the values that are set; 0 when none is. */
function lowest(values: readonly number[]): number {
  return values.reduce((low, value) => (value > 0 && (low === 0 || value < low) ? value : low), 0);
}
