import { hash } from 'node:crypto';

const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;
const HASH_BYTES = 32;

/** A hash as text of one byte a character: a hash function makes that three times as fast as a Buffer. */
type Hash = string;

type Subtree = { readonly size: number; readonly root: Hash };

/**
 * The Merkle tree hash of RFC 6962 section 2.1 (SHA-256; leaves are prefixed with 0, nodes with 1, so that neither can
 * pass for the other), leaf by leaf in memory of the logarithm of their number.
 */
export class MerkleTree {
  readonly #subtrees: Subtree[] = [];
  #size = 0;
  /** The prefix and what is hashed next. */
  #leaf = Buffer.alloc(0);
  readonly #node = Buffer.alloc(1 + 2 * HASH_BYTES, NODE_PREFIX);

  /** Number of leaves. */
  get size(): number {
    return this.#size;
  }

  add(leaf: Buffer): void {
    let subtree: Subtree = { size: 1, root: this.#hashLeaf(leaf) };
    for (let left = this.#subtrees.at(-1); left?.size === subtree.size; left = this.#subtrees.at(-1)) {
      this.#subtrees.pop();
      subtree = { size: left.size * 2, root: this.#hashNode(left.root, subtree.root) };
    }
    this.#subtrees.push(subtree);
    this.#size += 1;
  }

  /** The root over the leaves so far; of none, the hash of nothing. */
  root(): Buffer {
    const [last, ...lefts] = this.#subtrees.toReversed();
    const root = last
      ? lefts.reduce((right, left) => this.#hashNode(left.root, right), last.root)
      : hash('sha256', '', 'binary');
    return Buffer.from(root, 'latin1');
  }

  #hashLeaf(leaf: Buffer): Hash {
    if (this.#leaf.length !== 1 + leaf.length) this.#leaf = Buffer.alloc(1 + leaf.length, LEAF_PREFIX);
    leaf.copy(this.#leaf, 1);
    return hash('sha256', this.#leaf, 'binary');
  }

  #hashNode(left: Hash, right: Hash): Hash {
    this.#node.write(left, 1, 'latin1');
    this.#node.write(right, 1 + HASH_BYTES, 'latin1');
    return hash('sha256', this.#node, 'binary');
  }
}
