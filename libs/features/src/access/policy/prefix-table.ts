/**
 * An immutable table of texts that answers which of them is the longest prefix of a given text, in a binary search and
 * without allocating. Works because the greatest entry that is not greater than the text starts with the answer, and so
 * the answer is that entry or one of the entries that are prefixes of it.
 */
export class PrefixTable<T> {
  readonly #prefixes: readonly string[];
  readonly #values: readonly T[];
  /** For each entry, the index of the longest other entry that is a prefix of it, or -1. */
  readonly #parents: Int32Array;

  constructor(entries: ReadonlyMap<string, T>) {
    // Default order and `<=` both compare UTF-16 code units.
    this.#prefixes = [...entries.keys()].sort();
    this.#values = this.#prefixes.map((prefix) => entries.get(prefix)!);
    this.#parents = parentsOf(this.#prefixes);
  }

  /** The value of the longest entry that `text` starts with. */
  longest(text: string): T | undefined {
    const prefixes = this.#prefixes;
    let low = 0;
    let high = prefixes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (prefixes[middle]! <= text) low = middle + 1;
      else high = middle;
    }
    let index = low - 1;
    while (index >= 0 && !text.startsWith(prefixes[index]!)) index = this.#parents[index]!;
    return index < 0 ? undefined : this.#values[index];
  }
}

function parentsOf(sorted: readonly string[]): Int32Array {
  const parents = new Int32Array(sorted.length);
  const open: number[] = [];
  sorted.forEach((prefix, index) => {
    while (open.length > 0 && !prefix.startsWith(sorted[open.at(-1)!]!)) open.pop();
    parents[index] = open.at(-1) ?? -1;
    open.push(index);
  });
  return parents;
}
