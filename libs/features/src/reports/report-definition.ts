import type { RequestContext } from '@claviger/kernel';
import type { ReportKind, ReportParameters } from './report-parameters.js';

/** What stands in a cell. Moments are ISO 8601 in UTC. */
export type Cell = string | number | boolean | null | readonly string[];
export type ReportRow = Readonly<Record<string, Cell>>;

export type ReportColumn = {
  /** In JSON and CSV. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  readonly type: 'text' | 'number' | 'flag' | 'instant' | 'list';
  /** Share of the width of a page; columns without one are in JSON and CSV only. */
  readonly width?: number;
};

export const SEVERITIES = ['critical', 'high', 'medium', 'low'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Something that a reader should look at: how often, and a few of those that it is about. */
export type Finding = {
  readonly severity: Severity;
  readonly code: string;
  readonly title: string;
  readonly count: number;
  readonly examples: readonly string[];
};

/** How numbers went over time; each series has a value for each label. */
export type Trend = {
  readonly title: string;
  readonly labels: readonly string[];
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
};

/** A short table beside the rows, such as that of the waivers. */
export type Section = {
  readonly title: string;
  readonly columns: readonly ReportColumn[];
  readonly rows: readonly ReportRow[];
};

/** What the rows come to. */
export type Conclusion = {
  readonly summary: readonly { readonly name: string; readonly value: number | string }[];
  readonly trend: Trend | null;
  readonly findings: readonly Finding[];
  readonly sections: readonly Section[];
};

/** What one drawing is about. The context carries the snapshot that everything is read from. */
export type ReportScope = {
  readonly ctx: RequestContext;
  readonly parameters: ReportParameters;
  readonly moment: Date;
  /** Id of the vault profile of the parameters. */
  readonly profileId: string | undefined;
  /** Names of vault profiles by id. */
  readonly profileNames: ReadonlyMap<string, string>;
};

export type ReportBatch = {
  /** How many things were looked at for these rows. */
  readonly scanned: number;
  readonly rows: readonly ReportRow[];
};

/** Adds up rows as they come. */
export interface ReportTally {
  add(row: ReportRow): void;
  end(): Conclusion;
}

/** One kind of report: what it shows and where that comes from. Shows no value, ever. */
export interface ReportDefinition {
  readonly kind: ReportKind;
  readonly title: string;
  /** One sentence about what its rows are, and since when what is known. */
  readonly description: string;
  readonly columns: readonly ReportColumn[];
  /** How many things will be looked at. */
  expected(scope: ReportScope): Promise<number>;
  /** The rows in an order that is the same whenever the same is drawn, in batches of bounded size. */
  batches(scope: ReportScope): AsyncIterable<ReportBatch>;
  tally(scope: ReportScope): Promise<ReportTally>;
}

/** What is the same in all documents of a report. */
export type ReportHead = {
  readonly reportId: string;
  readonly storeId: string;
  readonly kind: ReportKind;
  readonly title: string;
  readonly description: string;
  readonly parameters: ReportParameters;
  readonly moment: string;
  readonly drawnAt: string;
  readonly requestedBy: { readonly id: string; readonly name: string };
  readonly seal: {
    readonly storeId: string;
    readonly number: number;
    readonly hash: string;
    readonly merkleRoot: string;
    readonly sealedAt: string;
  } | null;
  readonly columns: readonly ReportColumn[];
};
