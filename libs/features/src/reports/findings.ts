import { SEVERITIES, type Finding, type Severity } from './report-definition.js';

const EXAMPLES = 10;

type Kind = { readonly severity: Severity; readonly code: string; readonly title: string };

/** Gathers findings, the gravest first. */
export class Findings {
  readonly #found = new Map<string, Kind & { count: number; examples: string[] }>();

  add(kind: Kind, example: string): void {
    const known = this.#found.get(kind.code) ?? { ...kind, count: 0, examples: [] };
    known.count += 1;
    if (known.examples.length < EXAMPLES) known.examples.push(example);
    this.#found.set(kind.code, known);
  }

  list(): readonly Finding[] {
    const rank = ({ severity }: Kind): number => SEVERITIES.indexOf(severity);
    return [...this.#found.values()].sort((a, b) => rank(a) - rank(b) || (a.code < b.code ? -1 : 1));
  }
}
