import {
  CAPABILITIES,
  capabilityBit,
  capabilityMask,
  type Capability,
  type CapabilityMask,
  type Operation,
} from './capability.js';
import { judgesParameters, satisfies, type RequestParameters } from './parameter-conditions.js';
import { PrefixTable } from './prefix-table.js';
import type { Rule } from './rule.js';
import type { Ranked, SegmentTrie } from './segment-trie.js';

/**
 * Why a request is refused; `no_rule` is the default deny, `unsafe_identity` a templated path with a value that may not
 * stand in a path. For explanations and audit, never for the refused caller. */
export type Refusal =
  'no_rule' | 'unsafe_identity' | 'capability' | 'wrapping' | 'approval' | 'parameters' | 'page_size';

/** The answer to "may this be done": shared and immutable, so that a look-up allocates nothing. */
export type MatchResult = {
  readonly allowed: boolean;
  /** What the winning rule grants on the path; `sudo` among them lifts root protection. Empty without a rule. */
  readonly capabilities: readonly Capability[];
  /** The one rule that decided; absent for the root policy, for help, and when no pattern matches. */
  readonly rule?: Rule;
  readonly refusal?: Refusal;
};

/** What a rule may ask about besides path and operation. */
export type MatchRequest = {
  /** The request's top-level fields. A rule with parameter conditions refuses a question that leaves them out. */
  readonly parameters?: RequestParameters;
  /** How long the answer is to be wrapped for, when it is. */
  readonly wrapTtlSeconds?: number;
};

/** A set of policies, ready to answer. Immutable; compiled once and asked by every request. */
export interface PolicyMatcher {
  /** True for the root policy, which is allowed everything. */
  readonly isRoot: boolean;
  /** After this moment a stanza has expired and the policies must be compiled again; absent when none ever does. */
  readonly validUntil?: Date;
  /** Decides by the one rule that wins for the path; leading slashes of the path do not count. Never throws. */
  match(path: string, operation: Operation, request?: MatchRequest): MatchResult;
}

/** A rule with its prepared answers. */
export type CompiledRule = {
  readonly rule: Rule;
  readonly mask: CapabilityMask;
  /** False when the operation's capability alone decides. */
  readonly isConditional: boolean;
  readonly granted: MatchResult;
  readonly refused: Readonly<Record<Exclude<Refusal, 'no_rule' | 'unsafe_identity'>, MatchResult>>;
};

/** Where rules are looked up, in the order in which they win. */
export type RuleIndex = {
  readonly exact: ReadonlyMap<string, CompiledRule>;
  readonly globs: PrefixTable<Ranked<CompiledRule>>;
  /** Absent when no pattern has a `+`. */
  readonly segments?: SegmentTrie<CompiledRule>;
};

const NO_RULE: MatchResult = Object.freeze({ allowed: false, capabilities: Object.freeze([]), refusal: 'no_rule' });
const HELP: MatchResult = Object.freeze({ allowed: true, capabilities: Object.freeze([]) });
const ROOT: MatchResult = Object.freeze({
  allowed: true,
  capabilities: Object.freeze(CAPABILITIES.filter((capability) => capability !== 'deny')),
});

/** What the `root` policy compiles to. */
export const ROOT_MATCHER: PolicyMatcher = Object.freeze({ isRoot: true, match: () => ROOT });

const UNSAFE: MatchResult = Object.freeze({
  allowed: false,
  capabilities: Object.freeze([]),
  refusal: 'unsafe_identity',
});

/** What policies compile to when one of them cannot be resolved safely. */
export const REFUSING_MATCHER: PolicyMatcher = Object.freeze({
  isRoot: false,
  match: (_: string, operation: Operation) => (operation === 'help' ? HELP : UNSAFE),
});

const NEEDED: Readonly<Record<Exclude<Operation, 'help'>, CapabilityMask>> = {
  create: capabilityBit('create'),
  read: capabilityBit('read'),
  update: capabilityBit('update'),
  patch: capabilityBit('patch'),
  delete: capabilityBit('delete'),
  list: capabilityBit('list'),
  scan: capabilityBit('scan'),
};

/** Answers from an index of rules. */
export class IndexedMatcher implements PolicyMatcher {
  readonly isRoot = false;
  readonly #exact: RuleIndex['exact'];
  readonly #globs: RuleIndex['globs'];
  readonly #segments: RuleIndex['segments'];

  constructor(
    index: RuleIndex,
    readonly validUntil?: Date,
  ) {
    this.#exact = index.exact;
    this.#globs = index.globs;
    this.#segments = index.segments;
  }

  match(path: string, operation: Operation, request?: MatchRequest): MatchResult {
    if (operation === 'help') return HELP;
    const found = this.#find(path.charCodeAt(0) === SLASH ? withoutLeadingSlashes(path) : path, operation);
    if (!found) return NO_RULE;
    if (!(found.mask & NEEDED[operation])) return found.refused.capability;
    return found.isConditional ? judge(found, operation, request) : found.granted;
  }

  #find(path: string, operation: Operation): CompiledRule | undefined {
    const exact = this.#exact.get(path);
    if (exact) return exact;
    const isFolder = (operation === 'list' || operation === 'scan') && path.charCodeAt(path.length - 1) === SLASH;
    if (!isFolder) return this.#findByPattern(path);
    const bare = path.slice(0, -1);
    return this.#exact.get(bare) ?? this.#findByPattern(path) ?? this.#findByPattern(bare);
  }

  #findByPattern(path: string): CompiledRule | undefined {
    const glob = this.#globs.longest(path);
    const segments = this.#segments?.find(path);
    if (!glob || !segments) return (glob ?? segments)?.value;
    return glob.rank > segments.rank ? glob.value : segments.value;
  }
}

const SLASH = 47;

function withoutLeadingSlashes(path: string): string {
  let start = 0;
  while (path.charCodeAt(start) === SLASH) start++;
  return path.slice(start);
}

/** The conditions of a rule whose capability is given, in the order in which OpenBao asks. */
function judge(compiled: CompiledRule, operation: Operation, request: MatchRequest = {}): MatchResult {
  const { rule, granted, refused } = compiled;
  if (!isWrappedAsAsked(rule, request.wrapTtlSeconds)) return refused.wrapping;
  if (judgesParameters(rule.conditions, operation)) {
    if (!request.parameters || !satisfies(request.parameters, rule.conditions)) return refused.parameters;
  }
  const isList = operation === 'list' || operation === 'scan';
  if (isList && rule.paginationLimit > 0 && !fitsPage(rule, request.parameters?.['limit'])) return refused.page_size;
  // Last, so that only what would otherwise be allowed is put before approvers.
  return rule.controlled.includes(operation) ? refused.approval : granted;
}

function isWrappedAsAsked({ minWrappingTtlSeconds: min, maxWrappingTtlSeconds: max }: Rule, ttl?: number): boolean {
  if (min === 0 && max === 0) return true;
  return ttl !== undefined && ttl >= min && (max === 0 || ttl <= max);
}

/** `max` and 0 ask for the largest page allowed; no limit does too, unless `limit` is a required parameter. */
function fitsPage({ paginationLimit, conditions }: Rule, limit: unknown): boolean {
  if (limit === undefined) return !conditions.required.includes('limit');
  if (limit === 'max') return true;
  const isNumeric = typeof limit === 'number' || (typeof limit === 'string' && /^\d{1,15}$/.test(limit));
  return isNumeric && Number(limit) >= 0 && Number(limit) <= paginationLimit;
}

/** Prepares a rule's answers. */
export function compileRule(rule: Rule): CompiledRule {
  const { capabilities } = rule;
  const refusal = (reason: Refusal): MatchResult =>
    Object.freeze({ allowed: false, capabilities, rule, refusal: reason });
  const { allowed, denied, required } = rule.conditions;
  return {
    rule,
    mask: capabilityMask(capabilities),
    isConditional:
      allowed.size + denied.size + required.length + rule.controlled.length > 0 ||
      rule.minWrappingTtlSeconds + rule.maxWrappingTtlSeconds + rule.paginationLimit > 0,
    granted: Object.freeze({ allowed: true, capabilities, rule }),
    refused: {
      capability: refusal('capability'),
      wrapping: refusal('wrapping'),
      approval: refusal('approval'),
      parameters: refusal('parameters'),
      page_size: refusal('page_size'),
    },
  };
}
