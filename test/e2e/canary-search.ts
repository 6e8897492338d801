import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Letters that make up no word, no number and no id. */
const ALPHABET = 'ghjkmnpqrstvwxyz';
const LENGTH = 40;
/** What PostgreSQL's compression of long values leaves of a text in one piece: the literals between two control bytes. */
const PIECE = 8;

type Pattern = { readonly bytes: Buffer; readonly word: string };

/** Text that occurs nowhere by itself. */
export function canary(): string {
  return Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}

/**
 * Finds words in bytes however these were made of them: as they are, in pieces (as in compressed values), as hexadecimal
 * digits, and as base64 from any offset.
 */
export class CanarySearch {
  readonly #byStart = new Map<string, Pattern[]>();
  /** Which three bytes a pattern begins with: leaves few places to look closer at. */
  readonly #starts = new Uint8Array(1 << 24);

  constructor(words: readonly string[]) {
    for (const word of words) for (const text of formsOf(word)) this.#add({ bytes: Buffer.from(text, 'latin1'), word });
  }

  /** The words that are in there. */
  in(bytes: Buffer): Set<string> {
    const found = new Set<string>();
    for (let i = 0; i + PIECE <= bytes.length; i += 1) {
      if (this.#starts[(bytes[i]! << 16) | (bytes[i + 1]! << 8) | bytes[i + 2]!] === 0) continue;
      for (const pattern of this.#byStart.get(bytes.toString('latin1', i, i + PIECE)) ?? [])
        if (bytes.subarray(i, i + pattern.bytes.length).equals(pattern.bytes)) found.add(pattern.word);
    }
    return found;
  }

  inText(text: string): Set<string> {
    return this.in(Buffer.from(text));
  }

  /** Which files below a directory have which words, except where a file is `allowed` to. */
  inFiles(directory: string, allowed: readonly string[]): string[] {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .map((name) => join(directory, name))
      .filter(
        (path) => statSync(path, { throwIfNoEntry: false })?.isFile() && !allowed.includes(relative(directory, path)),
      )
      .flatMap((path) => [...this.in(readIfThere(path))].map((word) => `${relative(directory, path)}: ${word}`));
  }

  #add(pattern: Pattern): void {
    const start = pattern.bytes.toString('latin1', 0, PIECE);
    this.#byStart.set(start, [...(this.#byStart.get(start) ?? []), pattern]);
    this.#starts[(pattern.bytes[0]! << 16) | (pattern.bytes[1]! << 8) | pattern.bytes[2]!] = 1;
  }
}

function* formsOf(word: string): Generator<string> {
  for (let i = 0; i + PIECE <= word.length; i += 1) yield word.slice(i, i + PIECE);
  const hex = Buffer.from(word, 'latin1').toString('hex');
  yield hex;
  yield hex.toUpperCase();
  for (const offset of [0, 1, 2]) {
    const text = Buffer.from('x'.repeat(offset) + word, 'latin1').toString('base64');
    // The first and last characters depend on what stands before and after the word.
    const sure = text.slice(offset === 0 ? 0 : 4, -4);
    yield sure;
    yield sure.replaceAll('+', '-').replaceAll('/', '_');
  }
}

/** A file of a running database may be removed at any moment. */
function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
