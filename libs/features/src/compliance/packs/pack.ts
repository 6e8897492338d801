import type { Rule } from '../rule.js';

/** A rule that comes with Claviger. */
export type PackRule = Omit<Rule, 'from'>;

/** Ready rules about one thing. */
export type Pack = {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly rules: readonly PackRule[];
};
