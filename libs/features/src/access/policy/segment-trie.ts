import type { PathPattern } from './path-pattern.js';
import { PrefixTable } from './prefix-table.js';

/** A value with its pattern's place in the order of priority; the greater rank wins. */
export type Ranked<T> = { readonly rank: number; readonly value: T };

type Node<T> = {
  /** Children by literal segment. */
  readonly literals: Map<string, Node<T>>;
  /** The child behind a `+`. */
  any: Node<T> | undefined;
  /** Set where a pattern ends exactly here. */
  end: Ranked<T> | undefined;
  /** Patterns that end in a glob on the next segment, by the text before the `*`. */
  readonly globs: Map<string, Ranked<T>>;
  globTable: PrefixTable<Ranked<T>> | undefined;
};

/**
 * Finds the winner among patterns with `+` by walking a path's segments through a tree of their segments. A look-up visits
 * a node at most once, so its cost is bounded by the number of patterns and is in practice that of the path's segments.
 */
export class SegmentTrie<T> {
  readonly #root: Node<T> = emptyNode();

  constructor(entries: Iterable<{ readonly pattern: PathPattern } & Ranked<T>>) {
    for (const { pattern, rank, value } of entries) insert(this.#root, pattern, { rank, value });
    freezeGlobs(this.#root);
  }

  /** The value of the highest rank whose pattern matches `path`. */
  find(path: string): Ranked<T> | undefined {
    return visit(this.#root, path, 0, undefined);
  }
}

function visit<T>(node: Node<T>, path: string, from: number, known: Ranked<T> | undefined): Ranked<T> | undefined {
  // Within one node every glob has the same first wildcard and number of `+`, so the longest of them is the best.
  let best = node.globTable ? higher(known, node.globTable.longest(path.slice(from))) : known;
  const slash = path.indexOf('/', from);
  const literal = node.literals.get(slash < 0 ? path.slice(from) : path.slice(from, slash));
  if (slash < 0) return higher(higher(best, literal?.end), node.any?.end);
  if (literal) best = visit(literal, path, slash + 1, best);
  return node.any ? visit(node.any, path, slash + 1, best) : best;
}

function higher<T>(a: Ranked<T> | undefined, b: Ranked<T> | undefined): Ranked<T> | undefined {
  return a === undefined || (b !== undefined && b.rank > a.rank) ? b : a;
}

function insert<T>(root: Node<T>, pattern: PathPattern, entry: Ranked<T>): void {
  const segments = pattern.literal.split('/');
  const partial = pattern.isPrefix ? segments.pop()! : undefined;
  let node = root;
  for (const segment of segments) node = segment === '+' ? (node.any ??= emptyNode()) : literalChild(node, segment);
  if (partial === undefined) node.end = entry;
  else node.globs.set(partial, entry);
}

function literalChild<T>(node: Node<T>, segment: string): Node<T> {
  let child = node.literals.get(segment);
  if (!child) node.literals.set(segment, (child = emptyNode()));
  return child;
}

function freezeGlobs<T>(node: Node<T>): void {
  if (node.globs.size > 0) node.globTable = new PrefixTable(node.globs);
  for (const child of node.literals.values()) freezeGlobs(child);
  if (node.any) freezeGlobs(node.any);
}

function emptyNode<T>(): Node<T> {
  return { literals: new Map(), any: undefined, end: undefined, globs: new Map(), globTable: undefined };
}
