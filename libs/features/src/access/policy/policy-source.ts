/**
 * A policy document as a tree of values with their places, whatever notation it was written in. A notation (JSON, and
 * later HCL) is one function from text to this tree; everything that policies mean is read from the tree.
 * `at` is the offset of the value (or of the entry's key) in the text.
 */
export type SourceValue =
  | { readonly kind: 'object'; readonly at: number; readonly entries: readonly SourceEntry[] }
  | { readonly kind: 'list'; readonly at: number; readonly items: readonly SourceValue[] }
  | { readonly kind: 'string'; readonly at: number; readonly value: string }
  | { readonly kind: 'number'; readonly at: number; readonly value: number }
  | { readonly kind: 'boolean'; readonly at: number; readonly value: boolean }
  | { readonly kind: 'null'; readonly at: number };

/** One `key: value`; keys may repeat, and keep their order. */
export type SourceEntry = { readonly key: string; readonly at: number; readonly value: SourceValue };

export type SourceObject = Extract<SourceValue, { kind: 'object' }>;
