import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/**
 * Wraps plaintext so that it cannot be printed, logged or serialised by accident: every way of turning it into text
 * gives `[redacted]`. Only {@link SecretValue.reveal} opens it; a search for `reveal(` finds every place that does.
 */
export class SecretValue<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The plaintext. Call it as late as possible and do not keep the result. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.toPrimitive](): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
