import { hash } from 'node:crypto';

const LEAF = Buffer.from([0x00]);
const NODE = Buffer.from([0x01]);

type Subtree = { readonly size: number; readonly root: Buffer };

/**
 * The Merkle tree hash of RFC 6962 section 2.1 (SHA-256; leaves are prefixed with 0, nodes with 1, so that neither can
 * pass for the other), leaf by leaf in memory of the logarithm of their number.
 */
export class MerkleTree {
  readonly #subtrees: Subtree[] = [];
  #size = 0;

  /** Number of leaves. */
  get size(): number {
    return this.#size;
  }

  add(leaf: Buffer): void {
    let subtree: Subtree = { size: 1, root: sha256(LEAF, leaf) };
    for (let left = this.#subtrees.at(-1); left?.size === subtree.size; left = this.#subtrees.at(-1)) {
      this.#subtrees.pop();
      subtree = { size: left.size * 2, root: sha256(NODE, left.root, subtree.root) };
    }
    this.#subtrees.push(subtree);
    this.#size += 1;
  }

  /** The root over the leaves so far; of none, the hash of nothing. */
  root(): Buffer {
    const [last, ...lefts] = this.#subtrees.toReversed();
    if (!last) return sha256();
    return lefts.reduce((right, left) => sha256(NODE, left.root, right), last.root);
  }
}

function sha256(...parts: readonly Buffer[]): Buffer {
  return hash('sha256', Buffer.concat(parts), 'buffer');
}
