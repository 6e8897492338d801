import { policyInvalid, quoted } from './policy.errors.js';
import type { SourceEntry, SourceObject, SourceValue } from './policy-source.js';

/** Reads typed values out of a policy's tree; whatever is not as asked for throws `POLICY_INVALID` at its place. */
export class SourceReader {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  fail(at: number, problem: string): never {
    throw policyInvalid(this.#text, at, problem);
  }

  object(value: SourceValue, what: string): SourceObject {
    return value.kind === 'object' ? value : this.fail(value.at, `${what} must be an object.`);
  }

  string(value: SourceValue, what: string): string {
    return value.kind === 'string' ? value.value : this.fail(value.at, `${what} must be a string.`);
  }

  boolean(value: SourceValue, what: string): boolean {
    return value.kind === 'boolean' ? value.value : this.fail(value.at, `${what} must be true or false.`);
  }

  list(value: SourceValue, what: string): readonly SourceValue[] {
    return value.kind === 'list' ? value.items : this.fail(value.at, `${what} must be a list.`);
  }

  strings(value: SourceValue, what: string): readonly string[] {
    return this.list(value, what).map((item) => this.string(item, `every entry of ${what}`));
  }

  /** A number that counts something: an integer from 0 on, also written as a string. */
  count(value: SourceValue, what: string): number {
    const isNumeric = value.kind === 'number' || (value.kind === 'string' && /^\d{1,15}$/.test(value.value));
    const count = isNumeric ? Number(value.value) : Number.NaN;
    return Number.isSafeInteger(count) && count >= 0 ? count : this.fail(value.at, `${what} must be a whole number.`);
  }

  /** A value that may stand alone or in a list of values, as HCL blocks do in JSON. */
  oneOrMany(value: SourceValue): readonly SourceValue[] {
    return value.kind === 'list' ? value.items : [value];
  }

  /** The entries of an object whose keys are all known and given once. */
  fields(object: SourceObject, what: string, known: ReadonlySet<string>): readonly SourceEntry[] {
    const seen = new Set<string>();
    for (const { key, at } of object.entries) {
      if (!known.has(key)) {
        this.fail(at, `unknown key ${quoted(key)} in ${what}; known are ${[...known].join(', ')}.`);
      }
      if (seen.has(key)) this.fail(at, `key ${quoted(key)} is given twice in ${what}.`);
      seen.add(key);
    }
    return object.entries;
  }
}
