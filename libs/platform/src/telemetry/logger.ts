/** Severities, least severe first; `silent` writes nothing. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a log line may carry besides its event: never an object, so that nothing is serialised by accident. */
export type LogFact = string | number | boolean | null | undefined;

/** Named facts. The names that every line has anyway are taken. */
export type LogFacts = Readonly<Record<string, LogFact>> & {
  readonly [name in 'level' | 'time' | 'service' | 'process' | 'event' | 'error']?: never;
};

/**
 * Writes one JSON line per call; also the injection token. A line is an event (`area.what_happened`, a constant, never
 * built from input), facts about it (ids, codes, counts, durations), and at most one error, of which only what
 * `errorFacts` lets through is written.
 */
export abstract class Logger {
  abstract trace(event: string, facts?: LogFacts): void;
  abstract debug(event: string, facts?: LogFacts): void;
  abstract info(event: string, facts?: LogFacts): void;
  abstract warn(event: string, facts?: LogFacts, error?: unknown): void;
  abstract error(event: string, facts?: LogFacts, error?: unknown): void;
  /** A logger whose every line also carries these facts, for example the request id. */
  abstract child(facts: LogFacts): Logger;
}
