/** What a backend can and cannot do, so that a request can be refused early and in words. Facts, not wishes: the conformance suite holds each adapter to its card. */
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
  /** JSON numbers come back digit for digit. Where false, numbers that an IEEE double cannot hold are refused. */
  readonly exactNumbers: boolean;
  /** One list call can return all names below a prefix. Where false the adapter walks the folders. */
  readonly recursiveList: boolean;
  /** Largest content in bytes of its JSON text. */
  readonly maxContentBytes: number;
  /** How many versions are kept; undefined where the backend does not prune or keeps none. */
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
};

/**
 * The rule of a backend that takes any path-like name: what `assertPathName` insists on, in a form that a card can hold.
 * Lone surrogates are out because UTF-8 cannot tell them apart.
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
