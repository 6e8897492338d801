/**
 * One path pattern of a policy, taken apart once. Kinds: `exact` names one path; `glob` (`secret/*`) every path that
 * starts with its text; `segments` has `+`, each for exactly one whole segment, and may end in a glob too (`a/+/b*`).
 */
export type PathPattern = {
  /** As written, without one leading `/`. */
  readonly text: string;
  readonly kind: 'exact' | 'glob' | 'segments';
  /** The text without the trailing `*`. */
  readonly literal: string;
  readonly isPrefix: boolean;
  /** Offset of the first wildcard, which is what decides first between two patterns that match. */
  readonly firstWildcard: number;
  /** How many whole segments are `+`. */
  readonly wildcardSegments: number;
  /** Length of `literal` in UTF-8 bytes, as Vault counts lengths. */
  readonly literalBytes: number;
};

/** Longest pattern, in UTF-16 code units; longer than any path that a server answers. */
export const PATTERN_MAX_LENGTH = 2048;

/**
 * Takes a pattern apart, or says in words why it is none. A `*` that is not the last character and `+*` are refused:
 * OpenBao refuses the second and takes the first literally, so that such a rule (also a `deny`) silently matches nothing.
 */
export function parsePathPattern(pattern: string): PathPattern | { readonly problem: string } {
  const text = pattern.startsWith('/') ? pattern.slice(1) : pattern;
  if (text.length > PATTERN_MAX_LENGTH) return { problem: `a path is longer than ${PATTERN_MAX_LENGTH} characters` };
  if (text.includes('+*')) return { problem: '"+*" is not allowed; use "+" for one whole segment or "*" at the end' };
  const star = text.indexOf('*');
  if (star >= 0 && star < text.length - 1) {
    return { problem: '"*" is only allowed as the last character; use "+" for one whole segment' };
  }
  const isPrefix = star >= 0;
  const literal = isPrefix ? text.slice(0, -1) : text;
  // OpenBao's own test: a segment that merely starts with "+" makes a segment pattern too, whose "+b" is literal.
  const hasSegments = text === '+' || text.startsWith('+/') || text.includes('/+');
  return {
    text,
    kind: hasSegments ? 'segments' : isPrefix ? 'glob' : 'exact',
    literal,
    isPrefix,
    firstWildcard: hasSegments ? text.indexOf('+') : literal.length,
    wildcardSegments: hasSegments ? literal.split('/').filter((segment) => segment === '+').length : 0,
    literalBytes: Buffer.byteLength(literal),
  };
}

/**
 * Which of two patterns that both match wins (positive: `a`), among those that are not exact: the later first wildcard,
 * then the one that does not end in `*`, then fewer `+`, then the longer in bytes, then the greater by bytes.
 * Total on patterns with different text. (vault-wire: ACL policy language, "which rule applies".)
 */
export function comparePriority(a: PathPattern, b: PathPattern): number {
  if (a.firstWildcard !== b.firstWildcard) return a.firstWildcard - b.firstWildcard;
  if (a.isPrefix !== b.isPrefix) return a.isPrefix ? -1 : 1;
  if (a.wildcardSegments !== b.wildcardSegments) return b.wildcardSegments - a.wildcardSegments;
  if (a.literalBytes !== b.literalBytes) return a.literalBytes - b.literalBytes;
  return Buffer.compare(Buffer.from(a.literal), Buffer.from(b.literal));
}
