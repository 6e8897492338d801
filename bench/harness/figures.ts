import { rounded } from './statistics.js';

/** One line of a report. */
export type Figure = {
  readonly name: string;
  readonly unit: string;
  /** Median of Claviger, or of what is measured. */
  readonly ours: number;
  /** Median of what it is compared with, in the same run. */
  readonly theirs?: number;
  /** What should hold, in words, and whether it did. */
  readonly goal?: string;
  readonly isMet?: boolean;
};

/** What a part of the benchmark found. */
export type PartReport = {
  readonly title: string;
  /** How it was measured, in one sentence. */
  readonly how: string;
  readonly figures: readonly Figure[];
};

/** The report as people read it. */
export function formatReport({ title, how, figures }: PartReport): string {
  const rows = figures.map(({ name, unit, ours, theirs, goal, isMet }) => [
    name,
    `${rounded(ours)} ${unit}`,
    theirs === undefined ? '' : `${rounded(theirs)} ${unit}`,
    theirs === undefined ? '' : `${rounded(ours / theirs)} ×`,
    goal === undefined ? '' : `${isMet ? 'met' : 'MISSED'}: ${goal}`,
  ]);
  const header = ['', 'Claviger', 'compared with', 'ratio', 'goal'];
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 || column === 4 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ');
  return [`\n${title}`, `  ${how}`, ...[header, ...rows].map((row) => `  ${line(row).trimEnd()}`)].join('\n');
}
