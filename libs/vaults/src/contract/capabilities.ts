/**
 * What a backend can and cannot do, so that a request can be refused early and in words. Facts, not wishes: the
 * conformance suite holds each adapter to its card.
 */
export type VaultCapabilities = {
  /** Old versions can be read by their id. */
  readonly versionedReads: boolean;
  /** `put` honours `expectedVersion` atomically. */
  readonly compareAndSet: boolean;
  /** `create` refuses atomically when something is there. */
  readonly atomicCreate: boolean;
  /** A version can be hidden and brought back. */
  readonly softDelete: boolean;
  /** One version's content can be erased while others stay. */
  readonly destroyVersion: boolean;
  /** Custom metadata can be stored beside the content, outside of it. */
  readonly metadata: boolean;
  /**
   * What `purge` removed is gone and its name is free. Where false it waits in the vault for its deletion: it counts as
   * absent to every operation, but its name is taken, and `create` and `put` there are PENDING_DELETION.
   */
  readonly immediatePurge: boolean;
  /** JSON numbers come back digit for digit. Where false, numbers that an IEEE double cannot hold are refused. */
  readonly exactNumbers: boolean;
  /**
   * What was written is listed at once, and what was purged no more. Where false a list lags behind, so that nothing may be
   * concluded from what it shows or lacks.
   */
  readonly immediateList: boolean;
  /** One list call can return all names below a prefix. Where false the adapter walks the folders. */
  readonly recursiveList: boolean;
  /** How many objects `readMany` reads at most; undefined where the vault gives them one at a time only. */
  readonly maxBulkRead?: number;
  /** Largest content in bytes of its JSON text. */
  readonly maxContentBytes: number;
  /** How many versions are kept at least and at most; undefined where no number is promised: all, none, or as many as it likes. */
  readonly maxVersions?: number;
  readonly name: NameRule;
};

export type NameRule = {
  /** Longest physical name in UTF-8 bytes. */
  readonly maxBytes: number;
  /** Source of a regular expression (flag `u`) that the whole physical name must match. */
  readonly pattern: string;
  /** The rule in words, for the error message. */
  readonly description: string;
  /**
   * Set where the vault takes fewer characters than the pattern allows, so that names are escaped there: a character
   * that is one of `plain` (what stands between the brackets of a character class) takes one character, every byte of
   * another one takes three, and all together are at most `maxLength`.
   */
  readonly stored?: { readonly plain: string; readonly maxLength: number };
};

const compiled = new Map<string, RegExp>();

/** True when the rule allows the name. */
export function isNameAllowed(rule: NameRule, name: string): boolean {
  if (Buffer.byteLength(name) > rule.maxBytes || !expression(`^(?:${rule.pattern})$`).test(name)) return false;
  if (!rule.stored) return true;
  const escaped = name.replace(expression(`[${rule.stored.plain}]`, 'gu'), '');
  return name.length - escaped.length + 3 * Buffer.byteLength(escaped) <= rule.stored.maxLength;
}

function expression(source: string, flags = 'u'): RegExp {
  const known = compiled.get(source) ?? new RegExp(source, flags);
  compiled.set(source, known);
  return known;
}

/**
 * The rule of a backend that takes any path-like name: what `assertPathName` insists on, in a form that a card can
 * hold. Lone surrogates are out because UTF-8 cannot tell them apart.
 */
export const PATH_NAME_RULE: NameRule = {
  maxBytes: 512,
  pattern: pathPattern(String.raw`[^/\\\p{Cc}\p{Cs}\u2028\u2029]`),
  description: 'segments separated by single slashes, none empty, . or ..; no backslash, no control character',
};

function pathPattern(character: string): string {
  const segment = String.raw`(?!\.{1,2}(?:/|$))${character}+`;
  return `^${segment}(?:/${segment})*$`;
}
